using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;

namespace Ddpm.Engine.Tests.Sampling.Guides;

public sealed class InpaintingTests : GuideTests
{
    private static readonly PixelBatch Mask = new([.. Enumerable.Range(0, 64).Select(at => (byte)(at % 8 < 3 ? 128 : 127))], 1, 1, 8, 8);

    [Theory, InlineData(SamplerKind.Ddpm, 1, 1), InlineData(SamplerKind.Ddpm, 3, 2), InlineData(SamplerKind.Ddim, 2, 3)]
    public void GivenPixels_StayAsTheyAre_AndTheOthersAreDrawn(SamplerKind kind, int jumpLength, int resamplings)
    {
        var picture = Picture(1);
        var drawn = Draw(
            new Inpainting(picture, Mask) { JumpLength = jumpLength, Resamplings = resamplings },
            new SampleRequest { Count = 2, Sampler = new SamplerConfig { Kind = kind, Steps = 10 } });

        var painted = Enumerable.Range(0, 192).Where(at => at % 8 < 3).ToArray();
        for (var index = 0; index < 2; index++)
        {
            var image = drawn.Image(index).ToArray();
            Assert.All(Enumerable.Range(0, 192).Except(painted), at => Assert.Equal(picture.Pixels[at], image[at]));
            Assert.InRange(painted.Count(at => image[at] != picture.Pixels[at]), painted.Length * 9 / 10, painted.Length);
        }

        Assert.False(drawn.Image(0).SequenceEqual(drawn.Image(1)));
    }

    [Fact]
    public void WhatIsPainted_HeedsWhatIsGiven()
    {
        var guide = new Inpainting(Picture(1), Mask) { JumpLength = 2, Resamplings = 2 };
        var request = new SampleRequest { Count = 1, Sampler = new SamplerConfig { Steps = 8 } };
        Assert.NotEqual(Painted(Draw(guide, request)), Painted(Draw(guide with { Picture = Picture(2) }, request)));

        static byte[] Painted(PixelBatch drawn) => [.. drawn.Pixels.Where((_, at) => at % 8 < 3)];
    }

    [Fact]
    public void Pictures_AreTheSame_AloneAndTogether() =>
        AssertSameAloneAndTogether(new Inpainting(Picture(1), Mask) { JumpLength = 2, Resamplings = 2 }, new SamplerConfig { Steps = 6 });

    [Theory, InlineData(SamplerKind.DpmSolver), InlineData(SamplerKind.UniPc), InlineData(SamplerKind.Heun)]
    public void SamplersThatLookBack_AreRefused(SamplerKind kind)
    {
        var fault = Assert.Throws<SamplingException>(() => Draw(new Inpainting(Picture(1), Mask), new SampleRequest { Sampler = new SamplerConfig { Kind = kind } }));
        Assert.Contains("ddpm or ddim", fault.Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(0, 1, "jumpLength"), InlineData(1, 0, "resamplings"), InlineData(1, 1000, "10000")]
    public void Numbers_AreRefused_OutOfRange(int jumpLength, int resamplings, string named)
    {
        var fault = Assert.Throws<SamplingException>(() => Draw(new Inpainting(Picture(1), Mask) { JumpLength = jumpLength, Resamplings = resamplings }, new SampleRequest()));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Mask_IsRefused_WhenItIsNotThePicturesSize() =>
        Assert.Contains("1×1×8×8", Assert.Throws<ArgumentException>(() => Draw(new Inpainting(Picture(1), Picture(2)))).Message, StringComparison.Ordinal);
}
