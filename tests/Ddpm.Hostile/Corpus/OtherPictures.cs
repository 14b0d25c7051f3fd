using System.Buffers.Binary;

namespace Ddpm.Hostile.Corpus;

/// <summary>JPEG, GIF, WebP and BMP files, sound or not. Their pixels are all alike, so that any size is a few bytes.</summary>
internal static class OtherPictures
{
    /// <summary>Every block of every component is two codes of one bit, both 0.</summary>
    public static byte[] Jpeg(int width = 8, int height = 8, int components = 1, bool progressive = false, int? dataBytes = null, int scans = 1, byte[]? extra = null)
    {
        var blocks = ((width + 7L) / 8) * ((height + 7L) / 8) * components;
        var data = new byte[dataBytes ?? (int)(blocks / 4 + 1)];
        byte[] ids = [.. Enumerable.Range(1, components).Select(n => (byte)n)];
        byte[] frame = [8, .. Big(height), .. Big(width), (byte)components, .. ids.SelectMany(id => new byte[] { id, 0x11, 0 })];
        byte[] scan = [(byte)components, .. ids.SelectMany(id => new byte[] { id, 0 }), 0, (byte)(progressive ? 0 : 63), 0];
        byte[] tables = [.. Segment(0xDB, [0, .. Enumerable.Repeat((byte)1, 64)]), .. Segment(0xC4, Huffman(0)), .. Segment(0xC4, Huffman(0x10))];
        var oneScan = (byte[])[.. Segment(0xDA, scan), .. data];
        return [0xFF, 0xD8, .. extra ?? [], .. tables, .. Segment((byte)(progressive ? 0xC2 : 0xC0), frame), .. Enumerable.Repeat(oneScan, scans).SelectMany(s => s), 0xFF, 0xD9];
    }

    public static byte[] Segment(byte marker, byte[] content, int? length = null) => [0xFF, marker, .. Big(length ?? content.Length + 2), .. content];

    /// <param name="width">Of the screen.</param>
    /// <param name="height">Of the screen.</param>
    /// <param name="frames">Each of one pixel.</param>
    public static byte[] Gif(int width = 8, int height = 8, int frames = 1)
    {
        byte[] head = [.. "GIF89a"u8, .. Little(width), .. Little(height), 0x80, 0, 0, 0, 0, 0, 255, 255, 255];
        byte[] frame = [0x21, 0xF9, 4, 0, 0, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
        var gif = new byte[head.Length + frame.Length * frames + 1];
        head.CopyTo(gif, 0);
        for (var n = 0; n < frames; n++)
            frame.CopyTo(gif, head.Length + n * frame.Length);
        gif[^1] = 0x3B;
        return gif;
    }

    /// <summary>A lossless WebP that announces a size; the data is that of one pixel.</summary>
    public static byte[] WebP(int width = 1, int height = 1) => Riff(Vp8L(width, height));

    public static byte[] AnimatedWebP(int frames, int canvas = 1)
    {
        byte[] head = [.. RiffChunk("VP8X"u8, [0x02, 0, 0, 0, .. Little24(canvas - 1), .. Little24(canvas - 1)]), .. RiffChunk("ANIM"u8, [0, 0, 0, 0, 0, 0])];
        var frame = RiffChunk("ANMF"u8, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, .. Vp8L(1, 1)]);
        var body = new byte[head.Length + frame.Length * frames];
        head.CopyTo(body, 0);
        for (var n = 0; n < frames; n++)
            frame.CopyTo(body, head.Length + n * frame.Length);
        return Riff(body);
    }

    public static byte[] Riff(byte[] chunks, uint? length = null) => [.. "RIFF"u8, .. BitConverter.GetBytes(length ?? (uint)chunks.Length + 4), .. "WEBP"u8, .. chunks];

    public static byte[] RiffChunk(ReadOnlySpan<byte> name, byte[] content, uint? length = null) =>
        [.. name, .. BitConverter.GetBytes(length ?? (uint)content.Length), .. content, .. new byte[content.Length % 2]];

    public static byte[] Bmp(int width = 8, int height = 8, short bits = 24, int compression = 0, int? dataOffset = null, int headerBytes = 40, int? pixelBytes = null)
    {
        var bmp = new byte[54 + (pixelBytes ?? (int)Math.Min((Math.Abs((long)width) * 3 + 3) / 4 * 4 * Math.Abs((long)height), 1 << 20))];
        "BM"u8.CopyTo(bmp);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(2), bmp.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(10), dataOffset ?? 54);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(14), headerBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(18), width);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(22), height);
        BinaryPrimitives.WriteInt16LittleEndian(bmp.AsSpan(26), 1);
        BinaryPrimitives.WriteInt16LittleEndian(bmp.AsSpan(28), bits);
        BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(30), compression);
        return bmp;
    }

    // The bits after signature and size: no transform, no cache, five trees of one symbol each.
    private static byte[] Vp8L(int width, int height)
    {
        byte[] pixel = [0x2F, 0, 0, 0, 0x10, 0x07, 0x10, 0x11, 0x11, 0x88, 0x88, 0xFE, 0x07];
        var size = (uint)(width - 1) | ((uint)(height - 1) << 14);
        BinaryPrimitives.WriteUInt32LittleEndian(pixel.AsSpan(1), size | (BinaryPrimitives.ReadUInt32LittleEndian(pixel.AsSpan(1)) & 0xF000_0000));
        return RiffChunk("VP8L"u8, pixel);
    }

    private static byte[] Huffman(byte table) => [table, 1, .. new byte[15], 0];

    private static byte[] Big(int number) => [(byte)(number >> 8), (byte)number];

    private static byte[] Little(int number) => [(byte)number, (byte)(number >> 8)];

    private static byte[] Little24(int number) => [(byte)number, (byte)(number >> 8), (byte)(number >> 16)];
}
