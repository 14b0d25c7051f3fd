using System.Buffers.Binary;

namespace Ddpm.Engine;

/// <summary>The list at the end of a zip, which <see cref="System.IO.Compression.ZipArchive"/> reads into memory as a whole.</summary>
internal static class ZipDirectory
{
    // APPNOTE.TXT 6.3.10: 4.3.16, end of central directory, with a comment of up to 64 KiB; 4.3.15 and 4.3.14, its zip64 locator and record.
    private const int EndBytes = 22;
    private const int LongestComment = ushort.MaxValue;
    private const int LocatorBytes = 20;
    private const int Zip64EndBytes = 56;

    /// <summary>How many files and folders the end of a zip announces. ZipArchive gives up where it meets one more, so no more are ever kept.</summary>
    /// <param name="zip">Left at its beginning.</param>
    /// <returns>0 where there is no such end: to say what is wrong with the file is left to ZipArchive.</returns>
    public static ulong AnnouncedEntries(Stream zip)
    {
        var (end, zip64) = Ends(zip);
        ulong announced = end.Length > 0 ? BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(10)) : 0u;
        return zip64.Length > 0 ? Math.Max(announced, BinaryPrimitives.ReadUInt64LittleEndian(zip64.AsSpan(32))) : announced;
    }

    /// <summary>How many bytes the list can have at the most: from where it is said to begin to the end of the file.</summary>
    /// <param name="zip">Left at its beginning.</param>
    /// <returns>0 where there is no end, or it names no place in the file.</returns>
    public static long MostBytes(Stream zip)
    {
        var (end, zip64) = Ends(zip);
        ulong begin = end.Length > 0 ? BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16)) : ulong.MaxValue;
        if (zip64.Length > 0)
            begin = Math.Min(begin, BinaryPrimitives.ReadUInt64LittleEndian(zip64.AsSpan(48)));
        return begin < (ulong)zip.Length ? zip.Length - (long)begin : 0;
    }

    // The end of the list, and its zip64 record; empty where there is none.
    private static (byte[] End, byte[] Zip64) Ends(Stream zip)
    {
        var tail = Read(zip, Math.Max(0, zip.Length - (LocatorBytes + EndBytes + LongestComment)), LocatorBytes + EndBytes + LongestComment);
        var end = tail[..Math.Max(0, tail.Length - EndBytes + 4)].LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0)
            return ([], []);
        var hasLocator = end >= LocatorBytes && tail[(end - LocatorBytes)..].StartsWith("PK\u0006\u0007"u8);
        return (tail.Slice(end, EndBytes).ToArray(), hasLocator ? Zip64End(zip, BinaryPrimitives.ReadUInt64LittleEndian(tail[(end - LocatorBytes + 8)..])) : []);
    }

    private static byte[] Zip64End(Stream zip, ulong at)
    {
        var end = at < (ulong)zip.Length ? Read(zip, (long)at, Zip64EndBytes) : [];
        return end.Length == Zip64EndBytes && end.StartsWith("PK\u0006\u0006"u8) ? end.ToArray() : [];
    }

    private static ReadOnlySpan<byte> Read(Stream zip, long at, int bytes)
    {
        var content = new byte[bytes];
        zip.Position = at;
        var read = zip.ReadAtLeast(content, bytes, throwOnEndOfStream: false);
        zip.Position = 0;
        return content.AsSpan(0, read);
    }
}
