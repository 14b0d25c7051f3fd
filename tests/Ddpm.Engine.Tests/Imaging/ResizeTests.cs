using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Imaging;

public sealed class ResizeTests
{
    [Fact]
    public void ToSquare_ReturnsThePictureItself_WhenItFits()
    {
        var image = Picture(16, 16, (x, y) => x * y);

        Assert.Same(image, Resize.ToSquare(image, 16));
    }

    [Fact]
    public void ToSquare_CutsOutTheMiddle_WithoutTouchingPixels()
    {
        var image = Resize.ToSquare(Picture(21, 8, (x, y) => 10 * x + y), 8);

        Assert.Equal(Picture(8, 8, (x, y) => 10 * (x + 6) + y).Pixels, image.Pixels);
    }

    [Theory, InlineData(100, 32), InlineData(7, 32), InlineData(33, 32), InlineData(1, 8)]
    public void ToSquare_KeepsAPlainPicturePlain(int from, int to) =>
        Assert.All(Resize.ToSquare(Picture(from, from, (_, _) => 93), to).Pixels, value => Assert.Equal(93, value));

    [Fact]
    public void ToSquare_KeepsARampStraight_AwayFromTheEdges()
    {
        var small = Resize.ToSquare(Picture(256, 256, (x, _) => x), 32);

        for (var x = 3; x < 29; x++)
            Assert.InRange(small.Pixels[3 * (32 * 16 + x)] - (8 * x + 3.5), -0.5, 0.5); // the mean of the eight columns under it
    }

    [Fact]
    public void ToSquare_AveragesAFineCheckerboardToGrey()
    {
        var small = Resize.ToSquare(Picture(128, 128, (x, y) => (x + y) % 2 * 255), 16);

        Assert.All(small.Pixels, value => Assert.InRange(value, 126, 129)); // sampled without a wide filter it would be 0 or 255
    }

    [Fact]
    public void ToSquare_Enlarges_WithTheBicubicOfKeys()
    {
        // Between the pixels the weights of a = -1/2 at 1/4, 3/4 and 5/4 are 111/128, 29/128 and -9/128, over their sum at the edge.
        var large = Resize.ToSquare(Picture(2, 2, (x, _) => 100 * x + 50), 4);
        double[] expected = [50 + 100 * (-9 / 102.0), 50 + 100 * (29 / 140.0), 50 + 100 * (111 / 140.0), 50 + 100 * (111 / 102.0)];

        for (var x = 0; x < 4; x++)
            Assert.Equal((int)Math.Round(expected[x]), large.Pixels[3 * (4 + x)]);
    }

    [Fact]
    public void ToSquare_CommutesWithMirroring()
    {
        var random = new Random(2);
        var values = Enumerable.Range(0, 30 * 30).Select(_ => random.Next(256)).ToArray();
        var straight = Resize.ToSquare(Picture(30, 30, (x, y) => values[30 * y + x]), 9);
        var mirrored = Resize.ToSquare(Picture(30, 30, (x, y) => values[30 * y + 29 - x]), 9);

        for (var i = 0; i < 81; i++)
            Assert.InRange(straight.Pixels[3 * i] - mirrored.Pixels[3 * (i / 9 * 9 + 8 - i % 9)], -1, 1); // sums in the other order
    }

    private static DecodedImage Picture(int width, int height, Func<int, int, int> value)
    {
        var pixels = from y in Enumerable.Range(0, height)
                     from x in Enumerable.Range(0, width)
                     let grey = (byte)value(x, y)
                     from channel in Enumerable.Range(0, 3)
                     select grey;
        return new DecodedImage([.. pixels], width, height);
    }
}
