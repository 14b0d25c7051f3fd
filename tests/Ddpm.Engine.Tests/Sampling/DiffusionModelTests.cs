using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Guides;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling;

public sealed class DiffusionModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DiffusionModel _model;

    public DiffusionModelTests() => _model = DiffusionModel.Load(TinyModel.Write(_folder["model"]), CPU);

    [Theory, InlineData(SamplerKind.Ddpm), InlineData(SamplerKind.Ddim), InlineData(SamplerKind.DpmSolver)]
    public void Sample_DrawsTheSamePicture_AloneAndAmongSixteen(SamplerKind kind)
    {
        var request = new SampleRequest { Count = 16, Seed = 7, Sampler = new SamplerConfig { Kind = kind, Steps = 12 } };
        var together = Sample(request);
        for (var index = 0; index < 16; index += 5)
            Assert.Equal(together.Image(index), Sample(request with { Count = 1, FirstImage = index }).Image(0));
        Assert.Equal(together.Pixels, Sample(request).Pixels);
        Assert.NotEqual(together.Pixels, Sample(request with { Seed = 8 }).Pixels);
        Assert.False(together.Image(0).SequenceEqual(together.Image(1)));
    }

    [Fact]
    public void Sample_ReportsEveryStep_AndStopsWhenCancelled()
    {
        using var stop = new CancellationTokenSource();
        var latest = 0;
        var progress = new Synchronous(step =>
        {
            latest = Math.Max(latest, step.StepsDone);
            Assert.Equal(40, step.StepsTotal);
        });
        _model.Sample(new SampleRequest { Count = 2, Sampler = new SamplerConfig { Steps = 20 } }, progress, CancellationToken.None);
        Assert.Equal(40, latest);

        var stopping = new Synchronous(_ => stop.Cancel());
        Assert.ThrowsAny<OperationCanceledException>(() => _model.Sample(new SampleRequest { Count = 2 }, stopping, stop.Token));
    }

    [Theory, InlineData(1), InlineData(3)]
    public void Sample_UsesNoMoreThreadsThanAsked_AndDrawsTheSameWithAnyNumber(int threads)
    {
        var request = new SampleRequest { Count = 6, Sampler = new SamplerConfig { Steps = 3 } };
        var seen = new HashSet<int>();

        var drawn = _model.Sample(request with { Threads = threads }, new Synchronous(_ => seen.Add(Environment.CurrentManagedThreadId)), CancellationToken.None);

        Assert.InRange(seen.Count, 1, threads);
        Assert.Equal(Sample(request).Pixels, drawn.Pixels);
    }

    [Fact]
    public void Sample_Refuses_WhatDoesNotFitIntoMemory_BeforeItBegins()
    {
        using var stop = new CancellationTokenSource();
        stop.Cancel();

        var fault = Assert.Throws<ArgumentException>(() => _model.Sample(new SampleRequest { Count = 12_000_000 }, null, stop.Token));

        Assert.Contains("12000000 pictures of 8×8", fault.Message);
    }

    [Fact]
    public void Sample_Refuses_WhatDoesNotFitIntoFreeMemory_AndSaysHowMuchItIs()
    {
        var request = new SampleRequest { Count = 11_000_000, Sampler = new SamplerConfig { Kind = SamplerKind.DpmSolver } };
        var memory = _model.MemoryFor(request, trajectory: true);
        Assert.InRange(memory.HostBytes, 11_000_000L * 192 * (25 + 16), 11_000_000L * 192 * (25 + 17)); // frames as bytes; x and three more as floats
        Assert.Equal(0, memory.DeviceBytes);
        Assert.SkipUnless(memory.HostBytes > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "This machine has the memory.");

        var fault = Assert.Throws<SamplingException>(() => _model.Sample(request, null, CancellationToken.None, new Trajectory()));

        Assert.Contains("MiB of memory", fault.Message);
    }

    [Fact]
    public async Task Sample_DrawsTheSame_WhoeverElseDraws()
    {
        var picture = Sample(new SampleRequest { Count = 1, Seed = 3, Sampler = new SamplerConfig { Steps = 3 } });
        var mask = new PixelBatch([.. Enumerable.Range(0, 64).Select(at => (byte)(at % 2 * 255))], 1, 1, 8, 8);
        var sampler = new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 12 };
        SampleRequest[] requests =
        [
            new() { Count = 5, Seed = 1, Sampler = sampler },
            new() { Count = 2, Seed = 2, Sampler = sampler, Guide = new PictureGuide(picture, 0.6) },
            new() { Count = 2, Seed = 2, Sampler = sampler, Guide = new Inpainting(picture, mask) { JumpLength = 3, Resamplings = 2 } },
            new() { Count = 3, Seed = 2, Sampler = sampler, Guide = new SeedInterpolation(9) },
            new() { Count = 1, Seed = 4, Sampler = new SamplerConfig { Kind = SamplerKind.UniPc, Steps = 9 } },
            new() { Count = 1, Seed = 5, Sampler = new SamplerConfig { Kind = SamplerKind.Heun, Steps = 7 } },
        ];
        var alone = requests.Select(Traced).ToList();

        var together = await Task.WhenAll(requests.Select(request => Task.Factory.StartNew(() => Traced(request), Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.Equal(alone, together);

        IEnumerable<byte[]> Traced(SampleRequest request)
        {
            var trajectory = new Trajectory();
            _model.Sample(request, null, Cancellation, trajectory);
            return [.. trajectory.Frames.Select(frame => frame.Pixels)];
        }
    }

    [Fact]
    public void Run_LetsPicturesOfDifferentPlansShareABatch()
    {
        using var scope = NewDisposeScope();
        var schedule = _model.Schedule;
        SamplingPlan[] plans = [.. Enum.GetValues<SamplerKind>().Select((kind, index) => SamplingPlan.For(schedule, new SamplerConfig { Kind = kind, Steps = 5 + (3 * index) }))];
        using var network = Checkpoints.CheckpointFolders.LoadNetwork(_folder["model"]);
        var loop = new DenoisingLoop(network, CPU);
        using var together = loop.Run([.. plans.Select((plan, index) => new ImageToDraw(plan, 3, (uint)index))], 8, 8, null, CancellationToken.None);
        for (var index = 0; index < plans.Length; index++)
        {
            using var alone = loop.Run([new ImageToDraw(plans[index], 3, (uint)index)], 8, 8, null, CancellationToken.None);
            Assert.True(together[index].sub(alone[0]).abs().max().item<float>() < 1e-4, $"picture {index}"); // batch sizes differ, so rounding does
        }
    }

    [Fact]
    public void Run_LetsRunsThatBeginMidwayOrHaveAKnownRegionShareABatch()
    {
        using var scope = NewDisposeScope();
        var random = new Random(1);
        var picture = Enumerable.Range(0, 3 * 64).Select(_ => (random.NextSingle() * 2) - 1).ToArray();
        var known = new KnownRegion(picture, [.. Enumerable.Range(0, 64).Select(at => at % 2 == 0)]);
        var sampler = new SamplerConfig { Kind = SamplerKind.UniPc, Steps = 8 };
        ImageToDraw[] images =
        [
            new(SamplingPlan.For(_model.Schedule, sampler), 3, 0),
            new(SamplingPlan.For(_model.Schedule, sampler, strength: 0.5), 3, 1) { Start = picture },
            new(SamplingPlan.For(_model.Schedule, sampler, strength: 0), 3, 2) { Start = picture },
            new(SamplingPlan.For(_model.Schedule, new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 6 }), 3, 3) { Known = known },
        ];
        using var network = Checkpoints.CheckpointFolders.LoadNetwork(_folder["model"]);
        var loop = new DenoisingLoop(network, CPU);

        using var together = loop.Run(images, 8, 8, null, CancellationToken.None);

        for (var index = 0; index < images.Length; index++)
        {
            using var alone = loop.Run([images[index]], 8, 8, null, CancellationToken.None);
            Assert.True(together[index].sub(alone[0]).abs().max().item<float>() < 1e-4, $"picture {index}");
        }

        Assert.Equal(picture, together[2].data<float>().ToArray());
        var painted = together[3].data<float>().ToArray();
        Assert.All(Enumerable.Range(0, picture.Length), at => Assert.Equal(at % 2 == 0, picture[at] == painted[at]));
    }

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private PixelBatch Sample(SampleRequest request) => _model.Sample(request, null, CancellationToken.None);

    private sealed class Synchronous(Action<SamplingProgress> report) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value)
        {
            lock (this)
                report(value);
        }
    }
}
