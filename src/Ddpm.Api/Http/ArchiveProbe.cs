using System.Formats.Tar;
using System.IO.Compression;

namespace Ddpm.Api.Http;

/// <summary>A first look at an uploaded archive, so that what cannot work is refused at once. Pictures are recognised by how they begin, not decoded.</summary>
internal static class ArchiveProbe
{
    private const int MaxEntries = 10_000;
    private const long MaxUnpackedBytes = 256L << 20;

    private static readonly (string Name, byte[] Magic)[] Pictures =
    [
        ("PNG", [0x89, (byte)'P', (byte)'N', (byte)'G']),
        ("JPEG", [0xFF, 0xD8, 0xFF]),
        ("GIF", "GIF8"u8.ToArray()),
        ("WebP", "RIFF"u8.ToArray()),
        ("BMP", "BM"u8.ToArray()),
    ];

    /// <returns>Null where there is at least one picture, or the archive is too long to say; else what is wrong, as a sentence.</returns>
    public static async Task<string?> PicturesFaultAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = File.OpenRead(path);
            var head = await HeadAsync(file, cancellationToken);
            file.Position = 0;
            if (PictureName(head) is { } single)
                return $"The file is a single {single} picture. Put pictures into a zip or tar, even a single one.";
            if (IsZip(head))
                return await ZipFaultAsync(file, cancellationToken);
            if (head is [0x1F, 0x8B, ..])
                return await TarFaultAsync(new GZipStream(file, CompressionMode.Decompress), cancellationToken);
            if (IsTar(head))
                return await TarFaultAsync(file, cancellationToken);
            return "The file is neither a zip nor a tar (plain or gzip-compressed), judged by its first bytes.";
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or FormatException)
        {
            return $"The archive is damaged: {exception.Message}";
        }
    }

    /// <returns>Null where the file is a zip; else what is wrong, as a sentence.</returns>
    public static async Task<string?> ZipOnlyFaultAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            await using var file = File.OpenRead(path);
            if (!IsZip(await HeadAsync(file, cancellationToken)))
                return "The file is not a zip, judged by its first bytes.";
            file.Position = 0;
            await using var zip = await ZipArchive.CreateAsync(file, ZipArchiveMode.Read, leaveOpen: true, entryNameEncoding: null, cancellationToken);
            return zip.Entries.Any(entry => entry.Name.StartsWith("diffusion_pytorch_model", StringComparison.Ordinal) && entry.Name.EndsWith(".safetensors", StringComparison.Ordinal))
                ? null
                : "The zip holds no diffusion_pytorch_model.safetensors: it must be a diffusers folder "
                    + "(model_index.json, unet/config.json, unet/diffusion_pytorch_model.safetensors, scheduler/scheduler_config.json).";
        }
        catch (InvalidDataException exception)
        {
            return $"The zip is damaged: {exception.Message}";
        }
    }

    private static async Task<string?> ZipFaultAsync(Stream file, CancellationToken cancellationToken)
    {
        await using var zip = await ZipArchive.CreateAsync(file, ZipArchiveMode.Read, leaveOpen: true, entryNameEncoding: null, cancellationToken);
        var files = zip.Entries.Where(entry => !entry.FullName.EndsWith('/')).ToList();
        foreach (var entry in files.Take(MaxEntries))
        {
            await using var content = await entry.OpenAsync(cancellationToken);
            if (PictureName(await HeadAsync(content, cancellationToken)) is not null)
                return null;
        }

        return files.Count > MaxEntries ? null : NoPictures("zip", files.Count);
    }

    private static async Task<string?> TarFaultAsync(Stream stream, CancellationToken cancellationToken)
    {
        await using var unpacked = new LimitedStream(stream, MaxUnpackedBytes, () => new EnoughRead());
        await using var tar = new TarReader(unpacked);
        var files = 0;
        try
        {
            while (files <= MaxEntries && await tar.GetNextEntryAsync(copyData: false, cancellationToken) is { } entry)
            {
                if (entry.DataStream is not { } content)
                    continue;
                files++;
                if (PictureName(await HeadAsync(content, cancellationToken)) is not null)
                    return null;
            }
        }
        catch (EnoughRead)
        {
            return null;
        }

        return files > MaxEntries ? null : NoPictures("tar", files);
    }

    private static string NoPictures(string kind, int files) => files == 0
        ? $"The {kind} is empty. Put PNG, JPEG, WebP, GIF or BMP pictures into it."
        : $"The {kind} holds no picture: none of its {files} files begins like a PNG, JPEG, WebP, GIF or BMP, whatever its name says.";

    private static string? PictureName(ReadOnlySpan<byte> head)
    {
        foreach (var (name, magic) in Pictures)
        {
            if (head.StartsWith(magic))
                return name;
        }

        return null;
    }

    private static bool IsZip(ReadOnlySpan<byte> head) => head.StartsWith("PK\u0003\u0004"u8) || head.StartsWith("PK\u0005\u0006"u8);

    // Every header block of a tar sums its own bytes; the checksum tells old tars without "ustar" from other files.
    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        const int BlockBytes = 512, ChecksumStart = 148, ChecksumEnd = 156;
        if (head.Length < BlockBytes)
            return false;
        var sum = 0;
        for (var i = 0; i < BlockBytes; i++)
            sum += i is >= ChecksumStart and < ChecksumEnd ? ' ' : head[i];
        var written = 0;
        foreach (var digit in head[ChecksumStart..ChecksumEnd])
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
                written = (written * 8) + digit - '0';
        }

        return sum == written || head.IndexOfAnyExcept((byte)0) < 0;
    }

    private static async Task<byte[]> HeadAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new byte[512];
        return head[..await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken)];
    }

    private sealed class EnoughRead : Exception;
}
