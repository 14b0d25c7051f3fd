using Ddpm.Engine.Sampling;
using SkiaSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling;

public sealed class TrajectoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DiffusionModel _model;

    public TrajectoryTests() => _model = DiffusionModel.Load(TinyModel.Write(_folder["model"]), CPU);

    [Theory, InlineData(SamplerKind.Ddpm, 7, 7), InlineData(SamplerKind.Ddim, 120, 50), InlineData(SamplerKind.Heun, 4, 7), InlineData(SamplerKind.Ddim, 1, 1)]
    public void Trajectory_HasAFrameForEachStep_UpToFifty_AndEndsWithThePictures(SamplerKind kind, int steps, int frames)
    {
        var trajectory = new Trajectory();
        var request = new SampleRequest { Count = 3, Seed = 4, Sampler = new SamplerConfig { Kind = kind, Steps = steps } };

        var drawn = _model.Sample(request, null, CancellationToken.None, trajectory);

        Assert.Equal(frames, trajectory.Frames.Count);
        Assert.Equal(drawn.Pixels, trajectory.Frames[^1].Pixels);
        Assert.Equal(drawn.Pixels, _model.Sample(request, null, CancellationToken.None).Pixels);
        Assert.All(trajectory.Frames.SkipLast(1), frame => Assert.NotEqual(drawn.Pixels, frame.Pixels));
    }

    [Fact]
    public void Trajectory_ShowsWhatTheNetworkTakesThePictureToBe()
    {
        // One step of DDIM from x_T to the clean picture is x̂₀ of x_T: what the first frame of any run from there shows.
        var trajectory = new Trajectory();
        _model.Sample(new SampleRequest { Count = 2, Seed = 4, Sampler = new SamplerConfig { Timesteps = [900, 500, 100] } }, null, CancellationToken.None, trajectory);

        var atOnce = _model.Sample(new SampleRequest { Count = 2, Seed = 4, Sampler = new SamplerConfig { Timesteps = [900] } }, null, CancellationToken.None);

        Assert.Equal(atOnce.Pixels, trajectory.Frames[0].Pixels);
    }

    [Fact]
    public void EncodeWebP_PlaysAllFrames_WithoutLoss()
    {
        var trajectory = new Trajectory();
        _model.Sample(new SampleRequest { Count = 2, Sampler = new SamplerConfig { Steps = 6 } }, null, CancellationToken.None, trajectory);

        using var codec = SKCodec.Create(SKData.CreateCopy(trajectory.EncodeWebP(1, 2)));

        Assert.Equal((6, 16, 8), (codec.FrameCount, codec.Info.Width, codec.Info.Height));
        Assert.Equal(-1, codec.RepetitionCount); // for ever
        Assert.Equal([100, 100, 100, 100, 100, 2000], codec.FrameInfo.Select(frame => frame.Duration));
        for (var frame = 0; frame < 6; frame++)
        {
            using var bitmap = new SKBitmap(new SKImageInfo(16, 8, SKColorType.Rgba8888, SKAlphaType.Unpremul));
            Assert.Equal(SKCodecResult.Success, codec.GetPixels(bitmap.Info, bitmap.GetPixels(), new SKCodecOptions(frame)));
            for (var (x, y) = (0, 0); y < 8; (x, y) = x == 15 ? (0, y + 1) : (x + 1, y))
            {
                var planes = trajectory.Frames[frame].Image(x / 8);
                var at = (y * 8) + (x % 8);
                Assert.Equal(new SKColor(planes[at], planes[64 + at], planes[128 + at]), bitmap.GetPixel(x, y));
            }
        }
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }
}
