namespace Ddpm.Api.Http;

/// <summary>A look at how an upload begins, so that what is no archive at all is refused at once. Nothing of it is listed, unpacked or decoded in this process:
/// that is the worker's part, whose job says what is wrong.</summary>
internal static class ArchiveProbe
{
    private const int TarHeaderBytes = 512;

    private static readonly (string Name, byte[] Magic)[] Pictures =
    [
        ("PNG", [0x89, (byte)'P', (byte)'N', (byte)'G']),
        ("JPEG", [0xFF, 0xD8, 0xFF]),
        ("GIF", "GIF8"u8.ToArray()),
        ("WebP", "RIFF"u8.ToArray()),
        ("BMP", "BM"u8.ToArray()),
    ];

    /// <returns>Null where the file begins as an archive of pictures may; else what is wrong, as a sentence.</returns>
    public static async Task<string?> PicturesFaultAsync(string path, CancellationToken cancellationToken)
    {
        var head = await HeadAsync(path, cancellationToken);
        if (PictureName(head) is { } single)
            return $"The file is a single {single} picture. Put pictures into a zip or tar, even a single one.";
        if (IsEmptyZip(head))
            return "The zip is empty. Put PNG, JPEG, WebP, GIF or BMP pictures into it.";
        return IsZip(head) || head is [0x1F, 0x8B, ..] || IsTar(head) ? null : "The file is neither a zip nor a tar (plain or gzip-compressed), judged by its first bytes.";
    }

    /// <returns>Null where the file begins as a zip; else what is wrong, as a sentence.</returns>
    public static async Task<string?> ZipOnlyFaultAsync(string path, CancellationToken cancellationToken)
    {
        var head = await HeadAsync(path, cancellationToken);
        return IsEmptyZip(head) ? "The zip is empty: it must hold a diffusers folder (model_index.json, unet/config.json, unet/diffusion_pytorch_model.safetensors, scheduler/scheduler_config.json)."
            : IsZip(head) ? null : "The file is not a zip, judged by its first bytes.";
    }

    private static string? PictureName(ReadOnlySpan<byte> head)
    {
        foreach (var (name, magic) in Pictures)
        {
            if (head.StartsWith(magic))
                return name;
        }

        return null;
    }

    private static bool IsZip(ReadOnlySpan<byte> head) => head.StartsWith("PK\u0003\u0004"u8);

    // It begins with the end of its list.
    private static bool IsEmptyZip(ReadOnlySpan<byte> head) => head.StartsWith("PK\u0005\u0006"u8);

    // Every header block of a tar sums its own bytes; the checksum tells old tars without "ustar" from other files.
    private static bool IsTar(ReadOnlySpan<byte> head)
    {
        const int ChecksumStart = 148, ChecksumEnd = 156;
        if (head.Length < TarHeaderBytes)
            return false;
        var sum = 0;
        for (var i = 0; i < TarHeaderBytes; i++)
            sum += i is >= ChecksumStart and < ChecksumEnd ? ' ' : head[i];
        var written = 0;
        foreach (var digit in head[ChecksumStart..ChecksumEnd])
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
                written = (written * 8) + digit - '0';
        }

        return sum == written || head.IndexOfAnyExcept((byte)0) < 0;
    }

    private static async Task<byte[]> HeadAsync(string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        var head = new byte[TarHeaderBytes];
        return head[..await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken)];
    }
}
