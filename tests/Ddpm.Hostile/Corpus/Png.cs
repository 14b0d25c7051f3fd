using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Ddpm.Hostile.Corpus;

/// <summary>PNG files, sound or not, chunk by chunk.</summary>
internal static class Png
{
    private static readonly uint[] _crcTable = [.. Enumerable.Range(0, 256).Select(n => Enumerable.Range(0, 8).Aggregate((uint)n, (c, _) => (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1))];

    public static byte[] Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>A sound picture of one grey.</summary>
    public static byte[] Grey(int width = 8, int height = 8) => Of(Header((uint)width, (uint)height), Data(Rows(width, height)), End);

    public static byte[] End => Chunk("IEND", []);

    public static byte[] Of(params byte[][] chunks) => [.. Signature, .. chunks.SelectMany(chunk => chunk)];

    public static byte[] Header(uint width, uint height, byte bits = 8, byte colour = 0, byte interlace = 0, byte compression = 0)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(header, width);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[10], header[12]) = (bits, colour, compression, interlace);
        return Chunk("IHDR", header);
    }

    /// <summary>Rows of one byte a pixel, each with its filter in front.</summary>
    public static byte[] Rows(int width, int height) => new byte[(width + 1L) * height];

    public static byte[] Data(byte[] rows) => Chunk("IDAT", Zlib(rows));

    /// <summary>Zeros, compressed, that are never in memory as such.</summary>
    public static byte[] Zeros(long bytes)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal))
        {
            var block = new byte[1 << 20];
            for (var left = bytes; left > 0; left -= block.Length)
                zlib.Write(block, 0, (int)Math.Min(left, block.Length));
        }
        return packed.ToArray();
    }

    public static byte[] Zlib(byte[] content)
    {
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest))
            zlib.Write(content);
        return packed.ToArray();
    }

    public static byte[] Chunk(string type, byte[] content, uint? length = null, bool isSound = true)
    {
        var chunk = new byte[12 + content.Length];
        BinaryPrimitives.WriteUInt32BigEndian(chunk, length ?? (uint)content.Length);
        Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        content.CopyTo(chunk, 8);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + content.Length), isSound ? Crc(chunk.AsSpan(4, 4 + content.Length)) : 0xBADC0DE);
        return chunk;
    }

    /// <summary>CRC-32, which zip has in common with PNG.</summary>
    public static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
            crc = _crcTable[(crc ^ b) & 0xFF] ^ (crc >> 8);
        return ~crc;
    }
}
