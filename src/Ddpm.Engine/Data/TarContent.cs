using System.Formats.Tar;
using Ddpm.Engine.Imaging;
using Microsoft.Win32.SafeHandles;

namespace Ddpm.Engine.Data;

/// <summary>The files of a tar.</summary>
internal sealed class TarContent : IArchiveContent
{
    public const int HeaderBytes = 512;

    private const int ChecksumAt = 148;
    private const int ChecksumLength = 8;
    private const long MaxLetters = 100_000_000; // of all names, which are held in memory

    private readonly FileStream _file;

    private TarContent(FileStream file, int maxEntries)
    {
        _file = file;
        var files = new List<ArchiveFile>();
        using var reader = new TarReader(new TarHeaderStream(file), leaveOpen: true);
        var letters = 0L;
        for (var entries = 1; Next(reader) is { } entry; entries++)
        {
            if (entries > maxEntries)
                throw ArchiveSource.TooManyEntries(maxEntries);
            if ((letters += entry.Name.Length) > MaxLetters)
                throw new DatasetException($"The names in the tar have more than {MaxLetters:N0} letters together.");
            if (entry.EntryType is not (TarEntryType.Directory or TarEntryType.DirectoryList or TarEntryType.GlobalExtendedAttributes))
                files.Add(new ArchiveFile(NameOf(entry), ReaderOf(entry.EntryType, entry.DataOffset, entry.Length), entry.Length));
        }
        Files = files;
    }

    public IReadOnlyList<ArchiveFile> Files { get; }

    /// <param name="file">Closed with the result, and if it cannot be read.</param>
    /// <param name="maxEntries">More are refused, of whatever kind: folders and headers too.</param>
    public static TarContent Open(FileStream file, int maxEntries)
    {
        try
        {
            return new TarContent(file, maxEntries);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether a file begins with a tar header: its checksum is right (POSIX 1003.1, ustar), or it is the empty archive's zeros.</summary>
    public static bool IsTar(ReadOnlySpan<byte> start)
    {
        if (start.Length < HeaderBytes)
            return false;
        var header = start[..HeaderBytes];
        if (!header.ContainsAnyExcept((byte)0))
            return true;

        var announced = 0;
        foreach (var digit in header.Slice(ChecksumAt, ChecksumLength))
        {
            if (digit is >= (byte)'0' and <= (byte)'7')
                announced = announced * 8 + (digit - '0');
            else if (digit is not ((byte)' ' or 0))
                return false;
        }
        var sum = ' ' * ChecksumLength; // the checksum's own bytes count as spaces
        for (var i = 0; i < HeaderBytes; i++)
            sum += i is >= ChecksumAt and < ChecksumAt + ChecksumLength ? 0 : header[i];
        return sum == announced;
    }

    public void Dispose() => _file.Dispose();

    // TarReader checks what it reads, but says so in many ways.
    private static TarEntry? Next(TarReader reader)
    {
        try
        {
            return reader.GetNextEntry();
        }
        catch (Exception damage) when (damage is FormatException or ArithmeticException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new InvalidDataException("the header of an entry cannot be read.", damage);
        }
    }

    private static string NameOf(TarEntry entry) => entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name;

    private Func<byte[]> ReaderOf(TarEntryType type, long offset, long length) => type switch
    {
        TarEntryType.SymbolicLink => () => throw new ImageDecodeException("a symbolic link"),
        TarEntryType.HardLink => () => throw new ImageDecodeException("a hard link"),
        TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile => () => Read(_file.SafeFileHandle, offset, length),
        _ => () => throw new ImageDecodeException("not an ordinary file"),
    };

    private static byte[] Read(SafeFileHandle file, long offset, long length)
    {
        if (length > EntryNames.MaxFileBytes)
            throw new ImageDecodeException(EntryNames.TooLarge);
        var content = new byte[length];
        for (var done = 0; done < length;)
        {
            var read = RandomAccess.Read(file, content.AsSpan(done), offset + done);
            if (read == 0)
                throw new ImageDecodeException("the archive ends before the file does");
            done += read;
        }
        return content;
    }
}
