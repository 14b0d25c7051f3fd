using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Engine.Tests.Sampling.Guides;

public sealed class PictureGuideTests : GuideTests
{
    public static TheoryData<SamplerKind> Samplers => [.. Enum.GetValues<SamplerKind>()];

    [Theory, MemberData(nameof(Samplers))]
    public void Strength0_GivesThePictureBack_WithEverySampler(SamplerKind kind)
    {
        var picture = Picture(1);
        var drawn = Draw(new PictureGuide(picture, 0), new SampleRequest { Count = 2, Sampler = new SamplerConfig { Kind = kind, Steps = 10 } });
        Assert.Equal(picture.Pixels.Concat(picture.Pixels), drawn.Pixels);
    }

    [Theory, MemberData(nameof(Samplers))]
    public void LittleStrength_StaysNearThePicture_AndMuchDoesNot(SamplerKind kind)
    {
        var picture = Picture(1);
        var sampler = new SamplerConfig { Kind = kind, Steps = 20 };
        var distances = new[] { 0.05, 0.2, 1 }.Select(strength => Distance(picture, Draw(new PictureGuide(picture, strength), new SampleRequest { Count = 1, Sampler = sampler }))).ToArray();
        Assert.InRange(distances[0], 0.01, distances[1]);
        Assert.InRange(distances[1], distances[0], distances[2]);
    }

    [Fact]
    public void Pictures_AreTheSame_AloneAndTogether() => AssertSameAloneAndTogether(new PictureGuide(Picture(1), 0.5), new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 8 });

    [Theory, InlineData(-0.1), InlineData(1.1), InlineData(double.NaN)]
    public void Strength_IsRefused_OutsideItsRange(double strength) =>
        Assert.Contains("strength is", Assert.Throws<SamplingException>(() => Draw(new PictureGuide(Picture(1), strength))).Message, StringComparison.Ordinal);

    [Fact]
    public void Picture_IsRefused_WhenItIsNotTheModelsSize() =>
        Assert.Contains("1×3×8×8", Assert.Throws<ArgumentException>(() => Draw(new PictureGuide(Picture(1, channels: 1), 0.5))).Message, StringComparison.Ordinal);

    // Root mean square, in grey values.
    private static double Distance(PixelBatch left, PixelBatch right) =>
        Math.Sqrt(left.Pixels.Zip(right.Pixels, (a, b) => (double)(a - b) * (a - b)).Average());
}
