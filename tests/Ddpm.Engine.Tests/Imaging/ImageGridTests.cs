using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Imaging;

public sealed class ImageGridTests
{
    [Theory, InlineData(1), InlineData(3)]
    public void EncodePng_PutsEachPictureInItsCell_AndLeavesTheRestWhite(int channels)
    {
        var pixels = Enumerable.Range(0, 5 * channels * 2 * 3).Select(n => (byte)(3 * n)).ToArray();
        var batch = new PixelBatch(pixels, 5, channels, 2, 3);

        var grid = ImageCodec.Decode(ImageGrid.EncodePng(batch, 2, 3), new ImageDecodeOptions());

        Assert.Equal((9, 4), (grid.Width, grid.Height));
        for (var n = 0; n < 6; n++)
        {
            for (var (channel, i) = (0, 0); channel < 3; (channel, i) = i == 5 ? (channel + 1, 0) : (channel, i + 1))
            {
                var (x, y) = (n % 3 * 3 + i % 3, n / 3 * 2 + i / 3);
                var expected = n == 5 ? 255 : batch.Image(n)[Math.Min(channel, channels - 1) * 6 + i];
                Assert.Equal(expected, grid.Pixels[(y * 9 + x) * 3 + channel]);
            }
        }
    }

    [Theory, InlineData(2, 2), InlineData(0, 9), InlineData(9, 0)]
    public void EncodePng_Refuses_WhenTheCellsAreTooFew(int rows, int columns) =>
        Assert.Throws<ArgumentException>(() => ImageGrid.EncodePng(new PixelBatch(new byte[5], 5, 1, 1, 1), rows, columns));

    [Theory, InlineData(10_000, 10_000, 64), InlineData(1, 3, 65_536), InlineData(int.MaxValue, int.MaxValue, int.MaxValue)]
    public void CheckSize_Refuses_WhatIsTooLargeForAPicture(int rows, int columns, int side)
    {
        Assert.Contains($"{rows} rows and {columns} columns", Assert.Throws<ArgumentException>(() => ImageGrid.CheckSize(rows, columns, side, side)).Message);
        ImageGrid.CheckSize(1, 1, 64, 64);
    }

    [Fact]
    public void EncodePng_Refuses_WhatIsTooLargeForAPicture() =>
        Assert.Throws<ArgumentException>(() => ImageGrid.EncodePng(new PixelBatch(new byte[64 * 64], 1, 1, 64, 64), 10_000, 10_000));

    [Theory, InlineData(1, ImageGrid.MaxSide), InlineData(ImageGrid.MaxSide, 1)]
    public void EncodePng_WritesStripsOfTheGreatestLength(int rows, int columns)
    {
        var strip = ImageCodec.Decode(ImageGrid.EncodePng(new PixelBatch([7], 1, 1, 1, 1), rows, columns), new ImageDecodeOptions());

        Assert.Equal((columns, rows, 7), (strip.Width, strip.Height, strip.Pixels[0]));
    }

    [Theory, InlineData(1, 1, 1), InlineData(2, 1, 2), InlineData(5, 2, 3), InlineData(16, 4, 4), InlineData(17, 4, 5)]
    public void LayoutFor_IsNearlySquare(int count, int rows, int columns) => Assert.Equal((rows, columns), ImageGrid.LayoutFor(count));

    [Theory, InlineData(1), InlineData(3)]
    public void EncodeWebP_ShowsItsFirstFrame_WhereOnlyOneIsRead(int channels)
    {
        var frames = Enumerable.Range(0, 3).Select(frame => new PixelBatch([.. Enumerable.Range(0, 2 * channels * 4).Select(n => (byte)((50 * frame) + (9 * n)))], 2, channels, 2, 2)).ToList();

        var webp = ImageGrid.EncodeWebP(frames, 1, 2, TimeSpan.FromMilliseconds(40), TimeSpan.FromSeconds(1));

        var expected = ImageCodec.Decode(ImageGrid.EncodePng(frames[0], 1, 2), new ImageDecodeOptions());
        Assert.Equal(expected.Pixels, ImageCodec.Decode(webp, new ImageDecodeOptions()).Pixels);
        Assert.Equal(webp, ImageGrid.EncodeWebP(frames, 1, 2, TimeSpan.FromMilliseconds(40), TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void EncodeWebP_Refuses_WhatIsTooLarge_AndFramesOfDifferentShapes()
    {
        Assert.Contains("16384×1", Assert.Throws<ArgumentException>(() => ImageGrid.CheckAnimationSize(1, 16_384, 1, 1, 1)).Message);
        Assert.Contains("50 frames", Assert.Throws<ArgumentException>(() => ImageGrid.CheckAnimationSize(10, 10, 256, 256, 50)).Message);
        ImageGrid.CheckAnimationSize(16, 16, 64, 64, 50);
        PixelBatch[] frames = [new(new byte[4], 1, 1, 2, 2), new(new byte[12], 1, 3, 2, 2)];
        Assert.Throws<ArgumentException>(() => ImageGrid.EncodeWebP(frames, 1, 1, TimeSpan.Zero, TimeSpan.Zero));
        Assert.Throws<ArgumentException>(() => ImageGrid.EncodeWebP([], 1, 1, TimeSpan.Zero, TimeSpan.Zero));
    }
}
