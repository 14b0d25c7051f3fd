using Ddpm.Engine.Imaging;
using SkiaSharp;

namespace Ddpm.Engine.Tests.Imaging;

public sealed class ImageCodecTests
{
    private static readonly ImageDecodeOptions _defaults = new();

    [Theory, InlineData(1, 1, 1), InlineData(3, 5, 7), InlineData(3, 64, 64)]
    public void EncodePng_KeepsEveryPixel_AndGivesTheSameBytesAgain(int channels, int width, int height)
    {
        var pixels = new byte[width * height * channels];
        new Random(1).NextBytes(pixels);

        var png = ImageCodec.EncodePng(pixels, width, height, channels);
        var decoded = ImageCodec.Decode(png, _defaults);

        Assert.Equal((width, height), (decoded.Width, decoded.Height));
        Assert.Equal(channels == 3 ? pixels : pixels.SelectMany(v => (byte[])[v, v, v]), decoded.Pixels);
        Assert.Equal(png, ImageCodec.EncodePng(pixels, width, height, channels));
        Assert.Equal(channels == 1 ? 0 : 2, png[25]); // colour type in the header: grey or truecolour
    }

    // Every width up to two vectors: their first pixel, whole vectors and rests. Smooth, steep and flat places take every turn of the filter.
    [Theory, InlineData(1), InlineData(3)]
    public void EncodePng_KeepsEveryPixel_OfEveryWidth(int channels)
    {
        var random = new Random(2);
        for (var width = 1; width < 140; width++)
        {
            var pixels = Enumerable.Range(0, width * 9 * channels).Select(n => (byte)((n / (width * channels)) switch
            {
                < 3 => random.Next(256),
                < 5 => 100 + random.Next(8),
                5 => 255 * random.Next(2),
                _ => n / 7,
            })).ToArray();
            var decoded = ImageCodec.Decode(ImageCodec.EncodePng(pixels, width, 9, channels), _defaults);
            Assert.Equal(channels == 3 ? pixels : pixels.SelectMany(v => (byte[])[v, v, v]), decoded.Pixels);
        }
    }

    // The filter by its definition: left + upper − upper left, and the nearest of the three, in this order.
    [Fact]
    public void EncodePng_FiltersByPaeth()
    {
        var (width, height, pixels) = (50, 40, new byte[50 * 40 * 3]);
        new Random(3).NextBytes(pixels);
        using var content = new MemoryStream(ImageCodec.EncodePng(pixels, width, height, 3)[41..^16]);
        using var zlib = new System.IO.Compression.ZLibStream(content, System.IO.Compression.CompressionMode.Decompress);
        for (var y = 0; y < height; y++)
        {
            Assert.Equal(4, zlib.ReadByte());
            for (var x = 0; x < width * 3; x++)
            {
                int[] near = [At(y, x - 3), At(y - 1, x), At(y - 1, x - 3)];
                var nearest = near.MinBy(value => Math.Abs(value - (near[0] + near[1] - near[2])));
                Assert.Equal((byte)(At(y, x) - nearest), zlib.ReadByte());
            }
        }

        int At(int y, int x) => y < 0 || x < 0 ? 0 : pixels[y * width * 3 + x];
    }

    [Theory, InlineData(2, 4, 4, 12), InlineData(3, 4, 4, 47), InlineData(3, 0, 4, 0)]
    public void EncodePng_Refuses_WhenSizesDisagree(int channels, int width, int height, int bytes) =>
        Assert.Throws<ArgumentException>(() => ImageCodec.EncodePng(new byte[bytes], width, height, channels));

    [Fact]
    public void Decode_TakesStoredValuesAsTheyAre()
    {
        // A gamma of 1.0 would brighten the picture if it were obeyed; PIL ignores it too.
        var png = TestPicture.Png(2, 1, 8, 2, [10, 100, 200, 0, 128, 255], ("gAMA", [0, 1, 0x86, 0xA0]));

        Assert.Equal([10, 100, 200, 0, 128, 255], ImageCodec.Decode(png, _defaults).Pixels);
    }

    [Fact]
    public void Decode_ReadsPalettes_WithTransparency()
    {
        var png = TestPicture.Png(3, 1, 8, 3, [0, 1, 2], ("PLTE", [255, 0, 0, 0, 255, 0, 9, 8, 7]), ("tRNS", [255, 0, 255]));

        var image = ImageCodec.Decode(png, new ImageDecodeOptions { Background = new Rgb(1, 2, 3) });

        Assert.Equal([255, 0, 0, 1, 2, 3, 9, 8, 7], image.Pixels);
    }

    [Fact]
    public void Decode_ReadsOneBitGrey() =>
        Assert.Equal([255, 255, 255, 0, 0, 0, 255, 255, 255], ImageCodec.Decode(TestPicture.Png(3, 1, 1, 0, [0b1010_0000]), _defaults).Pixels);

    [Fact]
    public void Decode_KeepsTheHighByteOf16Bits_AsPilDoes()
    {
        var png = TestPicture.Png(2, 1, 16, 2, [0x80, 0x80, 0xFF, 0xFF, 0x00, 0xC0, 0x12, 0xFF, 0x40, 0x00, 0xFE, 0x7F]);

        Assert.Equal([0x80, 0xFF, 0x00, 0x12, 0x40, 0xFE], ImageCodec.Decode(png, _defaults).Pixels);
    }

    [Fact]
    public void Decode_Reads16BitGrey() =>
        Assert.Equal([0x33, 0x33, 0x33, 0xC8, 0xC8, 0xC8], ImageCodec.Decode(TestPicture.Png(2, 1, 16, 0, [0x33, 0xFF, 0xC8, 0x00]), _defaults).Pixels);

    [Fact]
    public void Decode_BlendsAlphaOverTheBackground()
    {
        var png = TestPicture.Png(3, 1, 8, 6, [200, 100, 0, 255, 200, 100, 0, 0, 200, 100, 0, 51]);

        var image = ImageCodec.Decode(png, new ImageDecodeOptions { Background = new Rgb(0, 100, 250) });

        Assert.Equal([200, 100, 0, 0, 100, 250, 40, 100, 200], image.Pixels); // 51 is a fifth of 255
    }

    [Fact]
    public void Decode_BlendsGreyAndAlpha()
    {
        var image = ImageCodec.Decode(TestPicture.Png(2, 1, 8, 4, [80, 255, 0, 102]), _defaults);

        Assert.Equal([80, 80, 80, 153, 153, 153], image.Pixels); // white seen through black at two fifths
    }

    [Theory]
    [InlineData(1, "ABCDEF", 3), InlineData(2, "CBAFED", 3), InlineData(3, "FEDCBA", 3), InlineData(4, "DEFABC", 3)]
    [InlineData(5, "ADBECF", 2), InlineData(6, "DAEBFC", 2), InlineData(7, "FCEBDA", 2), InlineData(8, "CFBEAD", 2)]
    public void Decode_TurnsPhotographsUpright(byte orientation, string upright, int width)
    {
        // Stored as ABC over DEF, each letter a block of 16 × 16 so that JPEG keeps it apart from the others.
        var stored = new byte[48 * 32 * 3];
        for (var i = 0; i < 48 * 32; i++)
            stored.AsSpan(3 * i, 3).Fill((byte)(20 + 40 * (i / 48 / 16 * 3 + i % 48 / 16)));
        var jpeg = TestPicture.WithOrientation(Encode(stored, 48, 32, SKEncodedImageFormat.Jpeg), orientation);

        var image = ImageCodec.Decode(jpeg, _defaults);

        Assert.Equal(width * 16, image.Width);
        var blocks = from y in Enumerable.Range(0, 6 / width)
                     from x in Enumerable.Range(0, width)
                     let value = image.Pixels[((y * 16 + 8) * image.Width + x * 16 + 8) * 3]
                     select (char)('A' + (value - 20 + 20) / 40);
        Assert.Equal(upright, string.Concat(blocks));
    }

    [Fact]
    public void Decode_ReadsBmp() =>
        Assert.Equal([255, 0, 0, 0, 0, 255], ImageCodec.Decode(TestPicture.Bmp(), _defaults).Pixels);

    [Fact]
    public void Decode_ReadsTheFirstFrameOfAGif() =>
        Assert.Equal([0, 255, 0], ImageCodec.Decode(TestPicture.Gif(), _defaults).Pixels);

    [Theory, InlineData(SKEncodedImageFormat.Jpeg), InlineData(SKEncodedImageFormat.Webp)]
    public void Decode_ReadsLossyFormats(SKEncodedImageFormat format)
    {
        var pixels = Enumerable.Repeat((byte[])[200, 60, 30], 32 * 32).SelectMany(p => p).ToArray();

        var image = ImageCodec.Decode(Encode(pixels, 32, 32, format), _defaults);

        Assert.All(pixels.Zip(image.Pixels), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 4));
    }

    [Theory, InlineData(SKEncodedImageFormat.Png), InlineData(SKEncodedImageFormat.Jpeg), InlineData(SKEncodedImageFormat.Webp)]
    public void Decode_Refuses_WhenTheFileIsCutShort(SKEncodedImageFormat format)
    {
        var pixels = new byte[64 * 64 * 3];
        new Random(1).NextBytes(pixels);
        var file = Encode(pixels, 64, 64, format);

        foreach (var part in (double[])[0.3, 0.6, 0.9])
            Assert.Throws<ImageDecodeException>(() => ImageCodec.Decode(file.AsSpan(0, (int)(file.Length * part)), _defaults));
    }

    [Fact]
    public void Decode_SaysWhy_WhenThereIsNoPicture()
    {
        Assert.Equal("the file is empty", Assert.Throws<ImageDecodeException>(() => ImageCodec.Decode([], _defaults)).Message);
        Assert.StartsWith("not a picture", Assert.Throws<ImageDecodeException>(() => ImageCodec.Decode("hello"u8, _defaults)).Message);
    }

    [Fact]
    public void Decode_RefusesByTheHeader_WhenThePictureIsTooLarge()
    {
        // The header announces ten billion pixels; there are none, so only the header can have been read.
        var png = TestPicture.Png(100_000, 100_000, 8, 2, new byte[100_000]);

        Assert.Contains("100000×100000", Assert.Throws<ImageDecodeException>(() => ImageCodec.Decode(png, _defaults)).Message);
    }

    [Fact]
    public void Decode_RefusesByTheHeader_WhenThePixelsWouldNotFitIntoAnArray()
    {
        var png = TestPicture.Png(30_000, 20_000, 8, 2, new byte[20_000]);

        Assert.Contains(
            "30000×20000 pixels are more than the 500000000",
            Assert.Throws<ImageDecodeException>(() => ImageCodec.Decode(png, new ImageDecodeOptions { MaxPixels = long.MaxValue })).Message);
    }

    [Fact]
    public void PixelsOf_ReadsTheHeaderOnly() =>
        Assert.Equal(10_000_000_000, ImageCodec.PixelsOf(TestPicture.Png(100_000, 100_000, 8, 2, new byte[100_000])));

    private static byte[] Encode(byte[] rgb, int width, int height, SKEncodedImageFormat format)
    {
        using var bitmap = SKBitmap.Decode(ImageCodec.EncodePng(rgb, width, height, 3));
        using var data = bitmap.Encode(format, 95);
        return data.ToArray();
    }
}
