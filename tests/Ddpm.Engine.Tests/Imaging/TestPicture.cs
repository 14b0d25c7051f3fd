using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Ddpm.Engine.Tests.Imaging;

/// <summary>Picture files written byte by byte, so that the decoder is judged by the formats and not by its own encoder.</summary>
internal static class TestPicture
{
    /// <summary>
    /// A PNG of any kind, without filters. Colour types: 0 grey, 2 colour, 3 palette, 4 grey and alpha, 6 colour and alpha. The chunks
    /// go between header and pixels: palette, transparency, …
    /// </summary>
    public static byte[] Png(int width, int height, int bitDepth, int colourType, byte[] samples, params (string Type, byte[] Data)[] chunks)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = ((byte)bitDepth, (byte)colourType);

        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal, leaveOpen: true))
        {
            foreach (var row in samples.Chunk(samples.Length / height))
            {
                zlib.WriteByte(0);
                zlib.Write(row);
            }
        }
        using var png = new MemoryStream();
        png.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        Write(png, "IHDR", header);
        foreach (var (type, data) in chunks)
            Write(png, type, data);
        Write(png, "IDAT", compressed.ToArray());
        Write(png, "IEND", []);
        return png.ToArray();
    }

    /// <summary>A JPEG told to be shown turned: an EXIF segment with nothing but the orientation put after its first marker.</summary>
    public static byte[] WithOrientation(byte[] jpeg, byte orientation)
    {
        byte[] exif =
        [
            0xFF, 0xE1, 0, 34, .. "Exif\0\0"u8, // segment of 34 bytes
            .. "II"u8, 42, 0, 8, 0, 0, 0, // TIFF, little-endian, directory at 8
            1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, // one entry: orientation, one short
            0, 0, 0, 0,
        ];
        return [.. jpeg[..2], .. exif, .. jpeg[2..]];
    }

    /// <summary>A BMP of one red pixel left of one blue pixel.</summary>
    public static byte[] Bmp()
    {
        var bmp = new byte[62];
        Encoding.ASCII.GetBytes("BM", bmp);
        int[] fields = [62, 0, 54, 40, 2, 1, 1 | (24 << 16), 0, 8];
        for (var n = 0; n < fields.Length; n++)
            BinaryPrimitives.WriteInt32LittleEndian(bmp.AsSpan(2 + 4 * n), fields[n]);
        bmp[54 + 2] = 255; // blue, green, red
        bmp[57] = 255;
        return bmp;
    }

    /// <summary>A GIF of two frames of one pixel: the first green, the second red.</summary>
    public static byte[] Gif() =>
    [
        .. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 0, 255, 0, 255, 0, 0, // 1 × 1, palette: green, red
        0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 0x01, 0, // first frame: colour 0
        0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x4C, 0x01, 0, // second frame: colour 1
        0x3B,
    ];

    private static void Write(MemoryStream png, string type, byte[] data)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        var number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        png.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        png.Write(number);
    }

    private static uint Crc(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }
        return ~crc;
    }
}
