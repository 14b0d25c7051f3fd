using System.IO.Compression;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>The files of a zip.</summary>
internal sealed class ZipContent : IArchiveContent
{
    // High half of the external attributes: the Unix mode, where the zip was made on a Unix.
    private const int UnixTypeMask = 0xF000;
    private const int UnixLink = 0xA000;

    private readonly ZipArchive _archive;
    private readonly long _maxBytes;
    private readonly Lock _reading = new();
    private long _bytesRead;

    private ZipContent(ZipArchive archive, long maxBytes)
    {
        (_archive, _maxBytes) = (archive, maxBytes);
        Files = [.. archive.Entries.Where(entry => entry.Name.Length > 0).Select(entry => new ArchiveFile(NameOf(entry), () => Read(entry)))];
    }

    public IReadOnlyList<ArchiveFile> Files { get; }

    /// <param name="file">Closed with the result.</param>
    /// <param name="maxEntries">More are refused before they are listed.</param>
    /// <param name="maxBytes">Bytes that all files together may expand to.</param>
    public static ZipContent Open(FileStream file, int maxEntries, long maxBytes) => ZipDirectory.AnnouncedEntries(file) <= (ulong)maxEntries
        ? new(new ZipArchive(file, ZipArchiveMode.Read), maxBytes)
        : throw ArchiveSource.TooManyEntries(maxEntries);

    public void Dispose() => _archive.Dispose();

    // Some Windows programs write backslashes.
    private static string NameOf(ZipArchiveEntry entry) => entry.FullName.Replace('\\', '/');

    private byte[] Read(ZipArchiveEntry entry)
    {
        if (entry.IsEncrypted)
            throw new ImageDecodeException("encrypted");
        if (((entry.ExternalAttributes >> 16) & UnixTypeMask) == UnixLink)
            throw new ImageDecodeException("a symbolic link");
        if (entry.Length > EntryNames.MaxFileBytes)
            throw new ImageDecodeException(EntryNames.TooLarge);
        lock (_reading) // all entries share one file position
        {
            try
            {
                using var stream = entry.Open();
                return ReadAll(stream, entry.Length);
            }
            catch (Exception exception) when (exception is InvalidDataException or EndOfStreamException or NotSupportedException)
            {
                throw new ImageDecodeException("it is stored damaged, or in a way that cannot be read");
            }
        }
    }

    // What the archive announces is not to be relied on: what is counted is what comes out.
    private byte[] ReadAll(Stream stream, long announced)
    {
        using var content = new MemoryStream((int)announced);
        var buffer = new byte[1 << 16];
        while (stream.Read(buffer) is var read and > 0)
        {
            content.Write(buffer, 0, read);
            _bytesRead += read;
            if (_bytesRead > _maxBytes)
                throw ArchiveSource.ExpandsTooFar(_maxBytes);
            if (content.Length > EntryNames.MaxFileBytes)
                throw new ImageDecodeException(EntryNames.TooLarge);
        }
        return content.ToArray();
    }
}
