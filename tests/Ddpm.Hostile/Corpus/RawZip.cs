using System.Text;

namespace Ddpm.Hostile.Corpus;

/// <summary>A file in a zip, and what is said of it.</summary>
/// <param name="Name">Stored as UTF-8.</param>
/// <param name="Stored">Its bytes, as they lie there.</param>
internal sealed record RawZipEntry(string Name, byte[] Stored)
{
    public ushort Flags { get; init; } = 0x800;

    public ushort Method { get; init; }

    /// <summary>What the list at the end says of its size; null for the truth.</summary>
    public uint? Size { get; init; }

    public uint? StoredSize { get; init; }

    public uint? Crc { get; init; }

    public uint? Offset { get; init; }

    public uint Attributes { get; init; }

    /// <summary>The name in front of the data; null for the same.</summary>
    public string? OtherName { get; init; }

    public byte[] Extra { get; init; } = [];

    public byte[] Comment { get; init; } = [];
}

/// <summary>Zips written field by field, so that every one can lie (APPNOTE.TXT 6.3.10, 4.3).</summary>
internal static class RawZip
{
    public static byte[] Of(params IEnumerable<RawZipEntry> entries) => Write([.. entries], null);

    /// <param name="entries">What it holds.</param>
    /// <param name="announced">How many entries its end claims; null for the truth.</param>
    /// <param name="directoryOffset">Where its end says that the list begins; null for the truth.</param>
    /// <param name="comment">After the end.</param>
    public static byte[] Write(IReadOnlyList<RawZipEntry> entries, ushort? announced, uint? directoryOffset = null, byte[]? comment = null)
    {
        using var bytes = new MemoryStream();
        Write(bytes, entries, announced, directoryOffset, comment);
        return bytes.ToArray();
    }

    public static void Write(Stream stream, IReadOnlyList<RawZipEntry> entries, ushort? announced = null, uint? directoryOffset = null, byte[]? comment = null)
    {
        using var zip = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
        var offsets = new List<uint>();
        foreach (var entry in entries)
        {
            offsets.Add((uint)stream.Position);
            var name = Encoding.UTF8.GetBytes(entry.OtherName ?? entry.Name);
            zip.Write(0x04034B50u);
            zip.Write((ushort)20);
            Common(zip, entry);
            zip.Write((ushort)name.Length);
            zip.Write((ushort)0);
            zip.Write(name);
            zip.Write(entry.Stored);
        }

        var start = (uint)stream.Position;
        foreach (var (entry, offset) in entries.Zip(offsets))
        {
            var name = Encoding.UTF8.GetBytes(entry.Name);
            zip.Write(0x02014B50u);
            zip.Write((ushort)(0x0300 | 20)); // made on a Unix
            zip.Write((ushort)20);
            Common(zip, entry);
            zip.Write((ushort)name.Length);
            zip.Write((ushort)entry.Extra.Length);
            zip.Write((ushort)entry.Comment.Length);
            zip.Write(0u); // disk, internal attributes
            zip.Write(entry.Attributes);
            zip.Write(entry.Offset ?? offset);
            zip.Write(name);
            zip.Write(entry.Extra);
            zip.Write(entry.Comment);
        }

        var size = (uint)stream.Position - start;
        zip.Write(0x06054B50u);
        zip.Write(0u);
        zip.Write(announced ?? (ushort)entries.Count);
        zip.Write(announced ?? (ushort)entries.Count);
        zip.Write(size);
        zip.Write(directoryOffset ?? start);
        zip.Write((ushort)(comment?.Length ?? 0));
        zip.Write(comment ?? []);
    }

    private static void Common(BinaryWriter zip, RawZipEntry entry)
    {
        zip.Write(entry.Flags);
        zip.Write(entry.Method);
        zip.Write(0x5A21_0000u); // a day of 2025
        zip.Write(entry.Crc ?? Png.Crc(entry.Stored));
        zip.Write(entry.StoredSize ?? (uint)entry.Stored.Length);
        zip.Write(entry.Size ?? (uint)entry.Stored.Length);
    }
}
