using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Engine.Tests.Sampling.Guides;

public sealed class InterpolationTests : GuideTests
{
    [Theory, InlineData(SamplerKind.Ddpm), InlineData(SamplerKind.Ddim), InlineData(SamplerKind.UniPc)]
    public void BetweenPictures_TheEndsAreTheirReconstructions(SamplerKind kind)
    {
        var (from, to) = (Picture(1), Picture(2));
        var request = new SampleRequest { Count = 5, Seed = 7, FirstImage = 4, Sampler = new SamplerConfig { Kind = kind, Steps = 10 } };

        var way = Draw(new PictureInterpolation(from, to, 0.5), request);

        Assert.Equal(Draw(new PictureGuide(from, 0.5), request with { Count = 1 }).Image(0), way.Image(0));
        Assert.Equal(Draw(new PictureGuide(to, 0.5), request with { Count = 1 }).Image(0), way.Image(4));
        Assert.Equal(5, Enumerable.Range(0, 5).Select(index => Convert.ToHexString(way.Image(index))).Distinct().Count());
    }

    [Fact]
    public void BetweenPictures_Strength0_BlendsTheirPixels()
    {
        var (from, to) = (Picture(1), Picture(2));
        var middle = Draw(new PictureInterpolation(from, to, 0)).Image(1);
        for (var i = 0; i < middle.Length; i++)
            Assert.InRange(middle[i], ((from.Pixels[i] + to.Pixels[i]) / 2.0) - 0.51, ((from.Pixels[i] + to.Pixels[i]) / 2.0) + 0.51);
    }

    [Theory, InlineData(SamplerKind.Ddim), InlineData(SamplerKind.DpmSolver), InlineData(SamplerKind.Euler), InlineData(SamplerKind.Heun)]
    public void BetweenSeeds_TheEndsAreTheirOwnPictures(SamplerKind kind)
    {
        var request = new SampleRequest { Count = 4, Seed = 7, FirstImage = 2, Sampler = new SamplerConfig { Kind = kind, Steps = 10, Spacing = TimestepSpacing.Linspace } };

        var way = Draw(new SeedInterpolation(8), request);

        Assert.Equal(Draw(null, request with { Count = 1 }).Image(0), way.Image(0));
        Assert.Equal(Draw(null, request with { Count = 1, Seed = 8 }).Image(0), way.Image(3));
        Assert.Equal(4, Enumerable.Range(0, 4).Select(index => Convert.ToHexString(way.Image(index))).Distinct().Count());
    }

    [Fact]
    public void BetweenSeeds_OneSeedIsAllTheWayTheSamePicture()
    {
        var way = Draw(new SeedInterpolation(7));
        Assert.Equal(Draw(null).Image(0), way.Image(0));
        Assert.Equal(way.Image(0), way.Image(1));
    }

    [Theory, InlineData(SamplerKind.Ddpm, 0), InlineData(SamplerKind.Ddim, 0.5), InlineData(SamplerKind.SdeDpmSolver, 0)]
    public void BetweenSeeds_SamplersWithNoiseOfTheirOwnAreRefused(SamplerKind kind, double eta) => Assert.Contains(
        "ddim with eta 0",
        Assert.Throws<SamplingException>(() => Draw(new SeedInterpolation(8), new SampleRequest { Sampler = new SamplerConfig { Kind = kind, Steps = 5, Eta = eta } })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Spherical_KeepsTheLengthOfNoise_WhereLinearDoesNot()
    {
        float[] from = new float[4096], to = new float[4096];
        PhiloxNoise.Fill(1, 0, 0, from);
        PhiloxNoise.Fill(2, 0, 0, to);
        Assert.InRange(Variance(Latents.Spherical(from, to, 0.5)), 0.93, 1.07);
        Assert.InRange(Variance(Latents.Linear(from, to, 0.5)), 0.45, 0.55);
        Assert.Equal(from, Latents.Spherical(from, to, 0));
        Assert.Equal(to, Latents.Spherical(from, to, 1));

        static double Variance(float[] values) => values.Select(value => (double)value * value).Average();
    }
}
