using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling.Guides;

/// <summary>A tiny model and pictures of its size.</summary>
public abstract class GuideTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DiffusionModel _model;

    protected GuideTests() => _model = DiffusionModel.Load(TinyModel.Write(_folder["model"]), CPU);

    private protected static PixelBatch Picture(int seed, int channels = 3)
    {
        var pixels = new byte[channels * 64];
        new Random(seed).NextBytes(pixels);
        return new PixelBatch(pixels, 1, channels, 8, 8);
    }

    private protected PixelBatch Draw(SamplingGuide? guide, SampleRequest? request = null) =>
        _model.Sample((request ?? new SampleRequest { Count = 3, Seed = 7, Sampler = new SamplerConfig { Steps = 10 } }) with { Guide = guide }, null, CancellationToken.None);

    /// <summary>Draws five pictures together, and the last two of them each alone: the bytes are the same.</summary>
    private protected void AssertSameAloneAndTogether(SamplingGuide guide, SamplerConfig sampler)
    {
        var request = new SampleRequest { Count = 5, Seed = 7, Sampler = sampler };
        var together = Draw(guide, request);
        Assert.Equal(together.Pixels, Draw(guide, request with { Threads = 1 }).Pixels);
        for (var index = 3; index < 5; index++)
            Assert.Equal(together.Image(index), Draw(guide, request with { Count = 1, FirstImage = index }).Image(0));
        Assert.NotEqual(together.Pixels, Draw(guide, request with { Seed = 8 }).Pixels);
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
