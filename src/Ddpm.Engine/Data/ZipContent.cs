using System.IO.Compression;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>The files of a zip.</summary>
internal sealed class ZipContent : IArchiveContent
{
    // High half of the external attributes: the Unix mode, where the zip was made on a Unix.
    private const int UnixTypeMask = 0xF000;
    private const int UnixLink = 0xA000;
    private const int UnixFile = 0x8000;
    private const int UnixFolder = 0x4000;
    private const int BlockBytes = 1 << 16;

    // Of the list at the end, which is held in memory: a million files whose names have a hundred letters.
    private const long MaxDirectoryBytes = 160_000_000;

    private readonly ZipArchive _archive;
    private readonly long _maxBytes;
    private readonly Lock _reading = new();
    private long _bytesRead;

    private ZipContent(ZipArchive archive, long maxBytes)
    {
        (_archive, _maxBytes) = (archive, maxBytes);
        Files = [.. archive.Entries.Where(entry => entry.Name.Length > 0).Select(entry => new ArchiveFile(NameOf(entry), () => Read(entry), entry.Length))];
    }

    public IReadOnlyList<ArchiveFile> Files { get; }

    /// <param name="file">Closed with the result.</param>
    /// <param name="maxEntries">More are refused before they are listed.</param>
    /// <param name="maxBytes">Bytes that all files together may expand to.</param>
    public static ZipContent Open(FileStream file, int maxEntries, long maxBytes)
    {
        if (ZipDirectory.AnnouncedEntries(file) > (ulong)maxEntries)
            throw ArchiveSource.TooManyEntries(maxEntries);
        if (ZipDirectory.MostBytes(file) > MaxDirectoryBytes)
            throw new DatasetException($"The list of names in the zip has more than {MaxDirectoryBytes:N0} bytes.");
        var archive = new ZipArchive(file, ZipArchiveMode.Read);
        // Where files lie over each other, a few kilobytes can be read a million times. One that has more than the whole zip cannot be read at all, and is named as such.
        if (archive.Entries.Select(entry => entry.CompressedLength).Where(bytes => bytes > 0 && bytes <= file.Length).Sum() > file.Length)
            throw new DatasetException("The files in the zip have more bytes together than the zip has: they overlap, or its list lies.");
        return new(archive, maxBytes);
    }

    public void Dispose() => _archive.Dispose();

    // Some Windows programs write backslashes.
    private static string NameOf(ZipArchiveEntry entry) => entry.FullName.Replace('\\', '/');

    private byte[] Read(ZipArchiveEntry entry)
    {
        if (entry.IsEncrypted)
            throw new ImageDecodeException("encrypted");
        var type = (entry.ExternalAttributes >> 16) & UnixTypeMask;
        if (type is not (0 or UnixFile or UnixFolder))
            throw new ImageDecodeException(type == UnixLink ? "a symbolic link" : "not an ordinary file");
        if (entry.Length is < 0 or > EntryNames.MaxFileBytes)
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

    // What the archive announces is not to be relied on: what is counted is what comes out, and it must be what was announced.
    private byte[] ReadAll(Stream stream, long announced)
    {
        var content = new byte[announced];
        for (var done = 0; done < announced;)
        {
            var read = stream.Read(content, done, Math.Min(BlockBytes, content.Length - done));
            if (read == 0)
                throw new EndOfStreamException();
            done += read;
            if ((_bytesRead += read) > _maxBytes)
                throw ArchiveSource.ExpandsTooFar(_maxBytes);
        }
        return stream.ReadByte() < 0 ? content : throw new InvalidDataException("It is longer than the list says.");
    }
}
