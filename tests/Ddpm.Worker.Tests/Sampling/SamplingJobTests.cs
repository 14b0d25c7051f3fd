using System.Globalization;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Workers;
using Ddpm.TestSupport;
using Ddpm.Worker.Life;
using Ddpm.Worker.Sampling;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Sampling;

public sealed class SamplingJobTests : WorkerTests
{
    private static readonly SamplingSpec _spec = new() { Count = 3, Seed = 5, Steps = 4, Rows = 1, Columns = 3 };

    [Fact]
    public async Task Run_WritesAGridAndEveryPicture_AndTheSameBytesWhenAskedAgain()
    {
        var checkpoint = await AddCheckpointAsync();

        var first = await DrawAsync(checkpoint, _spec);
        var second = await DrawAsync(checkpoint, _spec);
        var other = await DrawAsync(checkpoint, _spec with { Seed = 6 });

        Assert.Equal(["grid.png", "images/0.png", "images/1.png", "images/2.png"], first.Keys);
        Assert.Equal(first, second);
        Assert.All(first.Keys, file => Assert.NotEqual(first[file], other[file]));
        Assert.All(first.Where(file => file.Key != "grid.png"), file => Assert.Equal((8, 8), SizeOf(file.Value)));
        Assert.True(SizeOf(first["grid.png"]) is { Width: >= 24, Height: >= 8 and < 16 });
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_DrawsTheSamePictures_AloneAndAmongOthers()
    {
        var checkpoint = await AddCheckpointAsync();

        var three = await DrawAsync(checkpoint, _spec);
        var alone = await DrawAsync(checkpoint, _spec with { Count = 1, FirstImage = 2, Columns = 1 });

        Assert.Equal(three["images/2.png"], alone["images/0.png"]);
    }

    [Fact]
    public async Task Run_WritesTheTrajectory_WhereItIsAskedFor()
    {
        var checkpoint = await AddCheckpointAsync();

        var plain = await DrawAsync(checkpoint, _spec);
        var with = await DrawAsync(checkpoint, _spec with { Trajectory = true });

        Assert.Equal(plain.Keys.Append("trajectory.webp"), with.Keys);
        Assert.All(plain.Keys, file => Assert.Equal(plain[file], with[file]));
        Assert.Equal((24, 8), SizeOf(with["trajectory.webp"]));
    }

    [Theory]
    [InlineData(GuideKind.Picture)]
    [InlineData(GuideKind.Inpaint)]
    [InlineData(GuideKind.Interpolate)]
    public async Task Run_DrawsFromThePicturesThatCame_AndDropsThemAtItsEnd(GuideKind kind)
    {
        var checkpoint = await AddCheckpointAsync();
        var drawn = await DrawAsync(checkpoint, _spec);
        // With these settings the guides give pictures back as they came.
        var guide = new GuideSpec { Kind = kind, Strength = kind == GuideKind.Inpaint ? null : 0, JumpLength = 1, Resamplings = 2 };
        var spec = _spec with { Count = 2, Columns = 2, Guide = guide, Sampler = SamplerNames.Ddim };
        var (from, to) = (Convert.FromBase64String(drawn["images/0.png"]), Convert.FromBase64String(drawn["images/1.png"]));
        var batch = await AddAsync(checkpoint, spec);
        Host.Artifacts.Write(GuideFiles.KeyOf(batch.Id, GuideFiles.Picture), from);
        Host.Artifacts.Write(GuideFiles.KeyOf(batch.Id, GuideFiles.ToPicture), to);
        Host.Artifacts.Write(GuideFiles.KeyOf(batch.Id, GuideFiles.Mask), ImageCodec.EncodePng([0], 1, 1, 1));

        AssertSucceeded(await Host.RunAsync(batch.JobId));

        var folder = Assert.Single(Host.Artifacts.List($"samples/{batch.Id}"));
        Assert.Equal(from, await File.ReadAllBytesAsync(Host.Artifacts.PathOf($"{folder}/images/0.png"), Cancellation));
        Assert.Equal(kind == GuideKind.Interpolate ? to : from, await File.ReadAllBytesAsync(Host.Artifacts.PathOf($"{folder}/images/1.png"), Cancellation));
    }

    [Fact]
    public async Task Run_GoesFromOneSeedToAnother()
    {
        var checkpoint = await AddCheckpointAsync();
        var way = await DrawAsync(checkpoint, _spec with { Sampler = SamplerNames.Ddim, Guide = new GuideSpec { Kind = GuideKind.Interpolate, ToSeed = 6 } });
        var ends = new[] { await DrawAsync(checkpoint, _spec), await DrawAsync(checkpoint, _spec with { Seed = 6 }) };
        Assert.Equal(ends.Select(end => end["images/0.png"]), [way["images/0.png"], way["images/2.png"]]);
    }

    [Theory]
    [InlineData(0, 0, "picture cannot be read: not a picture")]
    [InlineData(4097, 4096, "picture cannot be read: 4097×4096 pixels are more than the 16777216 allowed")]
    public async Task Run_NamesThePicture_WhenItCannotBeRead(int width, int height, string message)
    {
        var batch = await AddAsync(await AddCheckpointAsync(), _spec with { Guide = new GuideSpec { Kind = GuideKind.Picture } });
        byte[] content = width == 0 ? [0x89, (byte)'P', (byte)'N', (byte)'G', 1, 2, 3] : ImageCodec.EncodePng(new byte[width * height], width, height, 1);
        Host.Artifacts.Write(GuideFiles.KeyOf(batch.Id, GuideFiles.Picture), content);

        var job = await Host.RunAsync(batch.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.StartsWith(message, job.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_EndsCancelledAndLeavesNothing_WhenItIsCancelledHalfWay()
    {
        var batch = await AddAsync(await AddCheckpointAsync(), _spec with { Count = 256, Steps = 1000, Rows = null, Columns = null });
        var running = Host.StartAsync(batch.JobId);
        await Eventually.BecomesTrueAsync("the drawing has begun", async () => (await Host.JobAsync(batch.JobId)).Progress > 0);

        await Host.CancelAsync(batch.JobId);
        await running;

        Assert.Equal(JobStatus.Cancelled, (await Host.JobAsync(batch.JobId)).Status);
        Assert.False(Host.Artifacts.Exists($"samples/{batch.Id}"));
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task ManyRequests_AreDrawnAtOnce_AndEachAsItIsAlone()
    {
        var checkpoint = await AddCheckpointAsync();
        string[] samplers = [SamplerNames.Ddim, SamplerNames.Ddpm, SamplerNames.DpmSolver];
        var specs = Enumerable.Range(0, 32).Select(n => _spec with { Count = 1, Seed = n % 4, Steps = 20, Sampler = samplers[n % 3], Rows = 1, Columns = 1 }).ToList();
        var alone = new Dictionary<SamplingSpec, SortedDictionary<string, string>>();
        foreach (var spec in specs.Distinct())
            alone[spec] = await DrawAsync(checkpoint, spec);

        var batches = await Task.WhenAll(specs.Select(spec => AddAsync(checkpoint, spec)));
        await using (var db = Host.Open())
            await db.Jobs.ExecuteUpdateAsync(set => set.SetProperty(job => job.CreatedAt, DateTime.UnixEpoch), Cancellation); // at once: none is to take another's turn
        var together = await Task.WhenAll(batches.Select(DrawAsync));

        Assert.Equal(specs.Select(spec => alone[spec]), together);
        Assert.Equal(1, Host.Get<ModelCache>().Count);
    }

    [Fact]
    public async Task Delivery_IsOver_WhenTheDrawingHasBegun()
    {
        var batch = await AddAsync(await AddCheckpointAsync(), _spec with { Count = 256, Steps = 1000, Rows = null, Columns = null });

        await Host.DeliverAsync(batch.JobId);

        Assert.Equal(JobStatus.Running, (await Host.JobAsync(batch.JobId)).Status);
        Host.ShutDown();
        await Host.Get<JobStarter>().WhenEndedAsync(jobId: null);
        Assert.Equal(JobStatus.Queued, (await Host.JobAsync(batch.JobId)).Status);
    }

    [Fact]
    public async Task Run_WaitsForAPlace_BeforeItClaims()
    {
        var host = await AnotherHostAsync(new KeyValuePair<string, string?>("Worker:SamplingConcurrency", "1"));
        var checkpoint = await AddCheckpointAsync();
        var (large, small) = (await AddAsync(checkpoint, _spec with { Count = 256, Steps = 1000, Rows = null, Columns = null }), await AddAsync(checkpoint, _spec));
        var running = host.StartAsync(large.JobId);
        await Eventually.BecomesTrueAsync("the drawing has begun", async () => (await host.JobAsync(large.JobId)).Progress > 0);

        var waiting = host.StartAsync(small.JobId);
        Assert.False(waiting.IsCompleted);
        Assert.Equal(JobStatus.Queued, (await host.JobAsync(small.JobId)).Status);
        await host.CancelAsync(large.JobId);
        await Task.WhenAll(running, waiting);

        AssertSucceeded(await host.JobAsync(small.JobId));
    }

    [Fact]
    public async Task SmallBatches_AreDrawn_WhileLargeOnesHoldAllPlaces()
    {
        const int places = 8; // and two that are kept
        var host = await AnotherHostAsync(new KeyValuePair<string, string?>("Worker:SamplingConcurrency", places.ToString(CultureInfo.InvariantCulture)));
        var checkpoint = await AddCheckpointAsync();
        List<SampleBatch> large = [], small = [];
        for (var n = 0; n < places + 2; n++)
            large.Add(await AddAsync(checkpoint, _spec with { Count = 256, Steps = 1000, Rows = null, Columns = null }));
        await CostAsync(large, 1e12);
        foreach (var batch in large.Take(places))
            await host.DeliverAsync(batch.JobId);
        for (var n = 0; n < 3; n++)
            small.Add(await AddAsync(checkpoint, _spec));
        await CostAsync(small, 1e9);

        List<SampleBatch> waiting = [.. large.Skip(places), .. small];
        var deliveries = Task.WhenAll(waiting.Select(batch => host.DeliverAsync(batch.JobId))); // any of them may be a small one's turn
        foreach (var batch in small)
            await Eventually.BecomesTrueAsync("a small one is drawn", async () => (await host.JobAsync(batch.JobId)).HasEnded);

        foreach (var batch in small)
            AssertSucceeded(await host.JobAsync(batch.JobId));
        foreach (var batch in large.Skip(places))
            Assert.Equal(JobStatus.Queued, (await host.JobAsync(batch.JobId)).Status);
        host.ShutDown();
        await deliveries;
        await host.Get<JobStarter>().WhenEndedAsync(jobId: null);

        async Task CostAsync(List<SampleBatch> batches, double operations)
        {
            var ids = batches.ConvertAll(batch => batch.JobId);
            await using var db = host.Open();
            await db.Jobs.Where(job => ids.Contains(job.Id)).ExecuteUpdateAsync(set => set.SetProperty(job => job.Operations, operations), Cancellation);
        }
    }

    [Fact]
    public async Task Delivery_EndsWhileNoPlaceIsFree_WhereItsJobWaitsNoMore()
    {
        var (host, large, small) = await FullHostAsync();
        var waiting = host.DeliverAsync(small.JobId);
        Assert.False(waiting.IsCompleted);

        await host.CancelAsync(small.JobId);

        await waiting.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        Assert.Equal(JobStatus.Running, (await host.JobAsync(large.JobId)).Status);
        await host.CancelAsync(large.JobId);
        await host.Get<JobStarter>().WhenEndedAsync(jobId: null);
    }

    [Fact]
    public async Task Delivery_GoesToAnotherWorker_WhenNoPlaceIsFree()
    {
        var (host, large, small) = await FullHostAsync();
        await host.AddAsync(new WorkerPresence { Name = "idle", Device = "cpu", Version = "0", StartedAt = DateTime.UtcNow, SeenAt = DateTime.UtcNow });

        await host.DeliverAsync(small.JobId);

        var job = await host.JobAsync(small.JobId);
        Assert.Equal((JobStatus.Queued, 0), (job.Status, job.LeaseEpoch));
        Assert.NotNull(job.DispatchId);
        Assert.Equal(JobStatus.Running, (await host.JobAsync(large.JobId)).Status);
        await host.CancelAsync(large.JobId);
        await host.Get<JobStarter>().WhenEndedAsync(large.JobId);
        AssertSucceeded(await host.RunAsync(small.JobId)); // no place was lost
    }

    [Fact]
    public async Task Delivery_GoesToTheAccountWhoseTurnItIs_AndTheJobThatItNamedIsEnqueuedAgain()
    {
        var checkpoint = await AddCheckpointAsync();
        var (running, hers, his) = (await AddAsync(checkpoint, _spec), await AddAsync(checkpoint, _spec), await AddAsync(checkpoint, _spec));
        using var lease = await Host.TakeOverAsync(running.JobId);
        await using (var db = Host.Open())
            await db.Jobs.Where(job => job.Id == his.JobId).ExecuteUpdateAsync(set => set.SetProperty(job => job.Account, "bob"), Cancellation);

        await Host.DeliverAsync(hers.JobId);
        await Host.Get<JobStarter>().WhenEndedAsync(his.JobId);

        AssertSucceeded(await Host.JobAsync(his.JobId));
        var left = await Host.JobAsync(hers.JobId);
        Assert.Equal((JobStatus.Queued, 0), (left.Status, left.LeaseEpoch));
        Assert.NotNull(left.DispatchId);
    }

    [Fact]
    public async Task Delivery_IsNotLost_WhenTheProcessShutsDownBeforeAPlaceIsFree()
    {
        var (host, large, small) = await FullHostAsync();
        var late = await AddAsync(await AddCheckpointAsync(), _spec);
        var waiting = host.DeliverAsync(small.JobId);

        host.ShutDown();
        await waiting;
        await host.DeliverAsync(late.JobId);
        await host.Get<JobStarter>().WhenEndedAsync(jobId: null);

        foreach (var batch in new[] { large, small, late })
        {
            var job = await host.JobAsync(batch.JobId);
            Assert.Equal(JobStatus.Queued, job.Status);
            Assert.NotNull(job.DispatchId);
        }
    }

    [Fact]
    public async Task Run_IsGivenBackAndDoneByTheNext_WhenTheProcessShutsDown()
    {
        var batch = await AddAsync(await AddCheckpointAsync(), _spec with { Count = 64, Steps = 200, Rows = null, Columns = null });
        var running = Host.StartAsync(batch.JobId);
        await Eventually.BecomesTrueAsync("the drawing has begun", async () => (await Host.JobAsync(batch.JobId)).Progress > 0);
        Host.ShutDown();
        await running;
        Assert.Equal(JobStatus.Queued, (await Host.JobAsync(batch.JobId)).Status);
        // What an attempt leaves that dies between its files and its row.
        Host.Artifacts.Write($"samples/{batch.Id}/e1/grid.png", [1]);
        await ShortenAsync(batch);

        AssertSucceeded(await (await AnotherHostAsync()).RunAsync(batch.JobId));

        Assert.Equal([$"samples/{batch.Id}/e2"], Host.Artifacts.List($"samples/{batch.Id}"));
    }

    [Fact]
    public async Task Run_SaysSo_WhenTheCheckpointIsDamagedOrGone()
    {
        var checkpoint = await AddCheckpointAsync();
        var weights = Path.Combine(Host.Artifacts.PathOf(checkpoint.ArtifactKey), "unet", "diffusion_pytorch_model.safetensors");
        var bytes = await File.ReadAllBytesAsync(weights, Cancellation);
        bytes[^2] ^= 1;
        await File.WriteAllBytesAsync(weights, bytes, Cancellation);
        await AssertFailsAsync(checkpoint, _spec, "The checkpoint is damaged");

        Host.Artifacts.Delete(checkpoint.ArtifactKey);
        await AssertFailsAsync(checkpoint, _spec, "choose another");

        await using var db = Host.Open();
        await db.Checkpoints.ExecuteDeleteAsync(Cancellation);
        await AssertFailsAsync(checkpoint, _spec, "was deleted before");
    }

    [Fact]
    public async Task Run_NamesTheLimit_WhenMoreStepsAreAskedThanTheModelHas() =>
        await AssertFailsAsync(await AddCheckpointAsync(), _spec with { Steps = 1001 }, "steps is 1001; 1 to 1000 is accepted");

    [Fact]
    public async Task Run_SaysSo_WhenTheGridIsTooLarge() =>
        await AssertFailsAsync(await AddCheckpointAsync(), _spec with { Rows = 100_000, Columns = 100_000 }, "800000×800000 pixels");

    private async Task AssertFailsAsync(Checkpoint checkpoint, SamplingSpec spec, string message)
    {
        var job = await Host.RunAsync((await AddAsync(checkpoint, spec)).JobId);
        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains(message, job.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, job.Error, StringComparison.Ordinal);
    }

    private async Task<SortedDictionary<string, string>> DrawAsync(Checkpoint checkpoint, SamplingSpec spec) => await DrawAsync(await AddAsync(checkpoint, spec));

    private async Task<SortedDictionary<string, string>> DrawAsync(SampleBatch batch)
    {
        AssertSucceeded(await Host.RunAsync(batch.JobId));
        await using var db = Host.Open();
        var row = await db.SampleBatches.SingleAsync(b => b.Id == batch.Id, Cancellation);
        Assert.True(row is { Device: "cpu", DurationSeconds: > 0 });
        var folder = Host.Artifacts.PathOf(row.ArtifactKey!);
        return new(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(
            file => Path.GetRelativePath(folder, file), file => Convert.ToBase64String(File.ReadAllBytes(file))), StringComparer.Ordinal);
    }

    private async Task<SampleBatch> AddAsync(Checkpoint checkpoint, SamplingSpec spec)
    {
        var job = await Host.AddJobAsync(JobKind.Sampling);
        var batch = new SampleBatch { Id = Guid.CreateVersion7(), JobId = job.Id, CheckpointId = checkpoint.Id, Spec = spec };
        await Host.AddAsync(batch);
        return batch;
    }

    /// <summary>A worker whose only place a large batch has, and a small one for which none is left.</summary>
    private async Task<(WorkerHost Host, SampleBatch Large, SampleBatch Small)> FullHostAsync()
    {
        var host = await AnotherHostAsync(new KeyValuePair<string, string?>("Worker:SamplingConcurrency", "1"));
        var checkpoint = await AddCheckpointAsync();
        var (large, small) = (await AddAsync(checkpoint, _spec with { Count = 4096, Steps = 1000, Rows = null, Columns = null }), await AddAsync(checkpoint, _spec));
        await host.DeliverAsync(large.JobId);
        return (host, large, small);
    }

    private async Task ShortenAsync(SampleBatch batch)
    {
        await using var db = Host.Open();
        await db.SampleBatches.Where(row => row.Id == batch.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Spec, _spec), Cancellation);
    }

    private async Task<Checkpoint> AddCheckpointAsync()
    {
        var id = Guid.CreateVersion7();
        var folder = TinyModel.Write(Host.Artifacts.PathOf($"models/{id}"));
        var checkpoint = new Checkpoint
        {
            Id = id,
            NetworkConfig = "{}",
            SchedulerConfig = "{}",
            Sha256 = DiffusersFolder.Open(folder).WeightsSha256(),
            ArtifactKey = $"models/{id}",
            CreatedAt = DateTime.UtcNow,
        };
        await Host.AddAsync(checkpoint);
        return checkpoint;
    }

    private IEnumerable<string> Staging() => Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging"));

    private static (int Width, int Height) SizeOf(string png)
    {
        var picture = ImageCodec.Decode(Convert.FromBase64String(png), new ImageDecodeOptions());
        return (picture.Width, picture.Height);
    }
}
