using System.Buffers.Binary;
using System.IO.Compression;

namespace Ddpm.Hostile.Corpus;

/// <summary>A parquet file of one column of bytes, and every number in it that can lie.</summary>
internal sealed record Parquets
{
    public long Rows { get; init; } = 1;

    public long Values { get; init; } = 1;

    public long PageValues { get; init; } = 1;

    public long Codec { get; init; }

    public long PageKind { get; init; }

    public long Encoding { get; init; }

    public long? Stored { get; init; }

    public long? Expanded { get; init; }

    public long? Offset { get; init; }

    public long? DictionaryOffset { get; init; }

    public long? ChunkBytes { get; init; }

    public long Children { get; init; } = 1;

    public long Type { get; init; } = 6;

    public string Name { get; init; } = "image";

    public int Groups { get; init; } = 1;

    public byte[] Content { get; init; } = WithLength(Png.Grey());

    public static byte[] WithLength(byte[] value) => [.. BitConverter.GetBytes(value.Length), .. value];

    public static byte[] Brotli(long zeros)
    {
        using var packed = new MemoryStream();
        using (var brotli = new BrotliStream(packed, CompressionLevel.Fastest))
        {
            var block = new byte[1 << 20];
            for (var left = zeros; left > 0; left -= block.Length)
                brotli.Write(block, 0, (int)Math.Min(left, block.Length));
        }
        return packed.ToArray();
    }

    public byte[] Bytes()
    {
        byte[] values = [.. Number(1, PageValues, 5), .. Number(1, Encoding, 5), .. Number(1, 3, 5), .. Number(1, 3, 5), 0];
        byte[] page = [.. Number(1, PageKind, 5), .. Number(1, Expanded ?? Content.Length, 5), .. Number(1, Stored ?? Content.Length, 5),
            (byte)((PageKind == 2 ? 4 : 2) << 4 | 12), .. values, 0, .. Content];
        byte[] meta = [.. Number(1, Type, 5), 0x19, 0x15, 0, 0x19, 0x18, .. Text(Name), .. Number(1, Codec, 5), .. Number(1, Values, 6), .. Number(1, page.Length, 6), .. Number(1, ChunkBytes ?? page.Length, 6),
            .. Number(2, Offset ?? 4, 6), .. DictionaryOffset is { } dictionary ? Number(2, dictionary, 6) : [], 0];
        byte[] chunk = [.. Number(2, 4, 6), 0x1C, .. meta, 0];
        byte[] group = [0x19, 0x1C, .. chunk, .. Number(1, page.Length, 6), .. Number(1, Rows, 6), 0];
        byte[] root = [0x48, .. Text("schema"), .. Number(1, Children, 5), 0];
        byte[] column = [.. Number(1, Type, 5), .. Number(2, 0, 5), 0x18, .. Text(Name), 0];
        byte[] groups = Groups < 15 ? [(byte)(Groups << 4 | 12)] : [0xFC, .. Varint((ulong)Groups)];
        byte[] footer = [.. Number(1, 1, 5), 0x19, 0x2C, .. root, .. column, .. Number(1, Rows, 6), 0x19, .. groups, .. Enumerable.Repeat(group, Groups).SelectMany(bytes => bytes), 0];
        return File(page, footer);
    }

    public static byte[] File(byte[] data, byte[] footer, uint? footerBytes = null)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(length, footerBytes ?? (uint)footer.Length);
        return [.. "PAR1"u8, .. data, .. footer, .. length, .. "PAR1"u8];
    }

    // A field of Thrift's compact protocol: how far its id lies after the one before, its type, a zigzag number.
    private static byte[] Number(int step, long value, int type) => [(byte)(step << 4 | type), .. Varint((ulong)(value << 1 ^ value >> 63))];

    private static byte[] Text(string text) => [.. Varint((ulong)text.Length), .. System.Text.Encoding.UTF8.GetBytes(text)];

    private static List<byte> Varint(ulong value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }
}
