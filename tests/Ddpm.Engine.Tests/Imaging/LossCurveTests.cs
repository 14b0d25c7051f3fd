using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Tests.Imaging;

public sealed class LossCurveTests
{
    [Theory, InlineData(0), InlineData(1), InlineData(40), InlineData(20_000)]
    public void EncodePng_DrawsAnyNumberOfPoints(int count)
    {
        var points = Enumerable.Range(0, count).Select(n => ((long)n, 1.0 / (n + 1))).ToList();

        var image = Draw(points);

        Assert.Equal((960, 480), (image.Width, image.Height));
        Assert.Equal(count > 0, Blue(image).Any());
    }

    [Fact]
    public void EncodePng_GoesDown_WhenTheLossDoes()
    {
        var blue = Blue(Draw([.. Enumerable.Range(0, 100).Select(n => ((long)n, 1 - n / 200.0))])).ToList();

        Assert.True(blue.MinBy(p => p.X).Y < 60, "It begins at the top");
        Assert.True(blue.MaxBy(p => p.X).Y > 350, "It ends at the bottom");
    }

    [Fact]
    public void EncodePng_LeavesOutWhatIsNotFinite() =>
        Assert.Equal(Draw([(0, 1), (20, 0.5)]).Pixels, Draw([(0, 1), (10, double.NaN), (15, double.PositiveInfinity), (20, 0.5)]).Pixels);

    [Fact]
    public void EncodePng_WritesNumbersBesideTheAxes_WithoutAnyFont()
    {
        var image = Draw([(0, 1), (1000, 0.5)]);

        var ink = from y in Enumerable.Range(0, 420)
                  from x in Enumerable.Range(0, 70)
                  where image.Pixels[(y * image.Width + x) * 3] < 128
                  select 1;
        Assert.InRange(ink.Count(), 100, 5000);
    }

    [Theory]
    [InlineData(0, "0"), InlineData(250, "250"), InlineData(1500, "1.5k"), InlineData(2_000_000, "2M")]
    [InlineData(0.05, "0.05"), InlineData(-0.5, "-0.5"), InlineData(3e-7, "3E-7"), InlineData(4e12, "4E+12")]
    public void Label_IsShort_AndOfCharactersThatTheFontHas(double value, string expected)
    {
        Assert.Equal(expected, PlotAxis.Label(value));
        Assert.Equal(expected.Length, StrokeFont.Glyphs(expected).Count());
    }

    private static DecodedImage Draw(List<(long, double)> points) => ImageCodec.Decode(LossCurve.EncodePng(points), new ImageDecodeOptions());

    private static IEnumerable<(int X, int Y)> Blue(DecodedImage image) =>
        from i in Enumerable.Range(0, image.Width * image.Height)
        where image.Pixels[3 * i + 2] > 150 && image.Pixels[3 * i] < 100
        select (i % image.Width, i / image.Width);
}
