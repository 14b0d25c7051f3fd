using System.IO.Compression;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>
/// The files of a zip, tar or tar.gz; which it is, its content says. Each first-level folder is a class, after the folders that all files have
/// in common. Nothing is ever unpacked under a name from the archive.
/// </summary>
/// <remarks>
/// Hidden files are not looked at. Links, devices, encrypted files, files over 64 MiB and paths that lead outside are named as skipped.
/// A tar.gz cannot be read out of order, so it is first expanded into an unnamed temporary file.
/// </remarks>
/// <param name="path">The archive.</param>
/// <param name="scratchFolder">Where a tar.gz is expanded; the system's temporary folder by default.</param>
public sealed class ArchiveSource(string path, string? scratchFolder = null) : IImageSource
{
    private const string NotAnArchive = "The file is neither a zip nor a tar nor a tar.gz archive.";

    /// <summary>How much the archive may hold.</summary>
    public ArchiveLimits Limits { get; init; } = new();

    /// <summary>Told, before a tar.gz is expanded further, how many bytes will be written; throws where they do not fit. Null for no such look.</summary>
    public Action<long>? MakeRoom { get; init; }

    /// <inheritdoc/>
    public ImageListing Open(CancellationToken cancellationToken)
    {
        FileStream? file = null;
        var room = new RoomAhead(MakeRoom);
        try
        {
            file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            var start = Start(file);
            var (maxBytes, maxPixels) = (Limits.ExpandedBytesFor(file.Length), Limits.DecodedPixelsFor(file.Length));
            return start switch
            {
                [0x50, 0x4B, 0x03 or 0x05, 0x04 or 0x06, ..] => List(ZipContent.Open(file, Limits.MaxEntries, maxBytes), maxPixels, cancellationToken),
                [0x1F, 0x8B, ..] => List(TarContent.Open(Expand(file, maxBytes, room, cancellationToken), Limits.MaxEntries), maxPixels, cancellationToken),
                _ when TarContent.IsTar(start) => List(TarContent.Open(file, Limits.MaxEntries), maxPixels, cancellationToken),
                _ => throw new DatasetException(NotAnArchive),
            };
        }
        catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException)
        {
            file?.Dispose();
            throw new DatasetException($"The archive is damaged or cut short: {exception.Message}", exception);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException && !room.HasRefused)
        {
            file?.Dispose();
            throw new DatasetException($"The archive cannot be read: {exception.Message}", exception);
        }
        catch
        {
            file?.Dispose();
            throw;
        }
    }

    private ImageListing List(IArchiveContent content, long maxPixels, CancellationToken cancellationToken)
    {
        try
        {
            var files = content.Files.Where(file => !file.Name.Split('/').Any(EntryNames.IsHidden)).OrderBy(file => file.Name, StringComparer.Ordinal).ToList();
            var root = EntryNames.CommonRoot([.. files.Select(file => file.Name).Where(name => !EntryNames.LeadsOutside(name))]);
            return new ImageListing(files.Count, files.Select(Entry), content) { MaxDecodedPixels = maxPixels };

            ImageEntry Entry(ArchiveFile file)
            {
                cancellationToken.ThrowIfCancellationRequested();
                return EntryNames.LeadsOutside(file.Name)
                    ? new ImageEntry(file.Name, null, () => throw new ImageDecodeException("its path leads out of the archive"))
                    : new ImageEntry(file.Name, EntryNames.ClassOf(file.Name, root), file.Read) { Bytes = file.Bytes };
            }
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    private FileStream Expand(FileStream compressed, long maxBytes, RoomAhead room, CancellationToken cancellationToken)
    {
        var folder = scratchFolder ?? Path.GetTempPath();
        var tar = new FileStream(
            Path.Combine(folder, $"{Guid.NewGuid():N}.tar"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
        try
        {
            if (!OperatingSystem.IsWindows())
                File.Delete(tar.Name); // An open file needs no name, and without one nothing is left of it even if the process is killed.
            using var expanding = new GZipStream(compressed, CompressionMode.Decompress);
            var buffer = new byte[1 << 16];
            while (expanding.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false) is var read and > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (tar.Length == 0 && !TarContent.IsTar(buffer.AsSpan(0, read)))
                    throw new DatasetException(NotAnArchive);
                room.Write(read);
                tar.Write(buffer, 0, read);
                if (tar.Position > maxBytes)
                    throw ExpandsTooFar(maxBytes);
            }
            if (tar.Length == 0)
                throw new DatasetException(NotAnArchive);
            tar.Position = 0;
            return tar;
        }
        catch
        {
            tar.Dispose();
            throw;
        }
    }

    internal static DatasetException TooManyEntries(int maxEntries) => new($"The archive holds more than {maxEntries:N0} entries.");

    internal static DatasetException ExpandsTooFar(long maxBytes) =>
        new($"The archive expands to more than the {maxBytes:N0} bytes allowed for one of its size.");

    private static byte[] Start(FileStream file)
    {
        var start = new byte[TarContent.HeaderBytes];
        var read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        return start[..read];
    }
}
