using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Models;
using Ddpm.Worker.Sampling;

namespace Ddpm.Worker.Tests.Sampling;

public sealed class ModelCacheTests : WorkerTests
{
    [Fact]
    public async Task Use_GivesTheSameModelToAllWhoAskAtOnce()
    {
        var cache = await CacheAsync();
        var checkpoint = NewCheckpoint();
        using var bothHaveIt = new Barrier(2);

        var models = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Factory.StartNew(
            () => cache.Use(checkpoint, SamplingPrecision.Float32, model => bothHaveIt.SignalAndWait(TimeSpan.FromSeconds(30), Cancellation) ? model : null), Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default)));

        Assert.NotNull(models[0]);
        Assert.Same(models[0], models[1]);
    }

    [Fact]
    public async Task Use_ForgetsTheModelUsedLongestAgo()
    {
        var cache = await CacheAsync(models: 2);
        var (a, b, c) = (NewCheckpoint(), NewCheckpoint(), NewCheckpoint());
        var (firstA, firstB) = (Use(cache, a), Use(cache, b));
        Assert.Same(firstA, Use(cache, a));

        Use(cache, c);

        Assert.Equal(2, cache.Count);
        Assert.Same(firstA, Use(cache, a));
        Assert.NotSame(firstB, Use(cache, b));
    }

    [Fact]
    public async Task Use_NeverTakesAwayAModelThatIsInUse()
    {
        var cache = await CacheAsync(models: 1);
        var (a, b) = (NewCheckpoint(), NewCheckpoint());

        cache.Use(a, SamplingPrecision.Float32, model =>
        {
            Use(cache, b);
            Assert.Same(model, Use(cache, a));
            Assert.True(model.Parameters > 0);
            return 0;
        });

        Assert.Equal(1, cache.Count);
    }

    [Fact]
    public async Task Dispose_LeavesAModelToThoseWhoUseIt()
    {
        var cache = await CacheAsync();
        var (a, b) = (NewCheckpoint(), NewCheckpoint());
        Use(cache, b);
        var request = new SampleRequest { Count = 1, Sampler = new SamplerConfig { Steps = 2 }, Threads = 1 };

        cache.Use(a, SamplingPrecision.Float32, model =>
        {
            var before = model.Sample(request, progress: null, Cancellation);
            cache.Dispose();
            Assert.Equal(1, cache.Count);
            Assert.Equal(before.Pixels, model.Sample(request, progress: null, Cancellation).Pixels);
            return 0;
        });

        Assert.Equal(0, cache.Count);
    }

    [Fact]
    public async Task Use_KeepsToTheBytesItMay()
    {
        var bytes = Use(await CacheAsync(), NewCheckpoint()).Parameters * sizeof(float);
        Assert.True(bytes < 1_048_576);
        var cache = await CacheAsync(models: 64, bytes: 1_048_576);
        for (var model = 0; model < (1_048_576 / bytes) + 2; model++)
            Use(cache, NewCheckpoint());
        Assert.Equal(1_048_576 / bytes, cache.Count);
    }

    [Fact]
    public async Task Use_TriesAgain_AfterAModelCouldNotBeLoaded()
    {
        var cache = await CacheAsync();
        var checkpoint = NewCheckpoint();
        var weights = Path.Combine(Host.Artifacts.PathOf(checkpoint.ArtifactKey), "unet", "diffusion_pytorch_model.safetensors");
        var aside = Folder.At("aside");
        File.Move(weights, aside);
        Assert.ThrowsAny<Exception>(() => Use(cache, checkpoint));
        Assert.Equal(0, cache.Count);

        File.Move(aside, weights);

        Assert.NotNull(Use(cache, checkpoint));
    }

    private async Task<ModelCache> CacheAsync(int models = 3, long? bytes = null)
    {
        var settings = new Dictionary<string, string?> { ["Worker:CachedModels"] = $"{models}" };
        if (bytes is not null)
            settings["Worker:CachedModelBytes"] = $"{bytes}";
        return (await AnotherHostAsync(settings)).Get<ModelCache>();
    }

    private static DiffusionModel Use(ModelCache cache, Checkpoint checkpoint) => cache.Use(checkpoint, SamplingPrecision.Float32, model => model);

    private Checkpoint NewCheckpoint()
    {
        var id = Guid.CreateVersion7();
        var folder = TinyModel.Write(Host.Artifacts.PathOf($"models/{id}"));
        return new Checkpoint { Id = id, NetworkConfig = "{}", SchedulerConfig = "{}", Sha256 = DiffusersFolder.Open(folder).WeightsSha256(), ArtifactKey = $"models/{id}", CreatedAt = DateTime.UtcNow };
    }
}
