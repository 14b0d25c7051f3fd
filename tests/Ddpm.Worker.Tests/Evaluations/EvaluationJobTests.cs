using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Evaluations;

public sealed class EvaluationJobTests : WorkerTests
{
    private static readonly EvaluationSpec _spec = new() { Images = 4, Steps = 3, Terms = 3, Seed = 5, Rows = 2, Neighbours = 3 };

    private static readonly EvaluationSpec _withFeatures = _spec with { Metrics = [MetricNames.Fid, MetricNames.Kid], Features = new() { Network = "means.pt", Size = 0 } };

    [Fact]
    public async Task Run_StoresNumbersAndPictures_AndTheSameWhenAskedAgain()
    {
        var (checkpoint, dataset) = (await AddCheckpointAsync(), await AddDatasetAsync());
        var first = await MeasureAsync(checkpoint, dataset, _spec);
        var second = await MeasureAsync(checkpoint, dataset, _spec);
        var other = await MeasureAsync(checkpoint, dataset, _spec with { Seed = 6 });

        Assert.True(first is { Device: "cpu", DurationSeconds: > 0, Results.Features: null });
        Assert.True(first.Results!.BitsPerDimension!.Total is { Value: > 0, StandardError: > 0 });
        Assert.Equal(3, first.Results.BitsPerDimension.Terms.Count);
        Assert.True(first.Results.SlicedWasserstein!.Average > 0);
        Assert.NotNull(first.Results.SlicedWassersteinOfDataset);
        Assert.Equal((2, 3), (first.Results.Memorisation!.Closest.Count, first.Results.Memorisation.Closest[0].Nearest.Count));
        Assert.Equal(((4 * 8) + 2, 16), SizeOf(first, "nearest.png"));
        Assert.Equal((16, 16), SizeOf(first, "samples.png"));
        Assert.Equivalent(first.Results, second.Results, strict: true);
        Assert.NotEqual(first.Results.BitsPerDimension.Total, other.Results!.BitsPerDimension!.Total);
        Assert.Empty(Staging());
    }

    [Fact]
    public async Task Run_StoresNoPictures_WhereNothingIsDrawn()
    {
        var row = await MeasureAsync(await AddCheckpointAsync(), await AddDatasetAsync(), _spec with { Metrics = [MetricNames.BitsPerDim] });
        Assert.True(row is { ArtifactKey: null, Results: { BitsPerDimension: not null, Memorisation: null, SlicedWasserstein: null } });
        Assert.False(Host.Artifacts.Exists($"evaluations/{row.Id}"));
    }

    [Fact]
    public async Task Run_MeasuresFeatures_AndKeepsThoseOfTheDatasetWithIt()
    {
        var host = await AnotherHostAsync(Networks());
        TorchScriptFile.Write(Folder.At("networks", "means.pt"), "return torch.mean(x, [2, 3])");
        var (checkpoint, dataset) = (await AddCheckpointAsync(), await AddDatasetAsync());
        var row = await MeasureAsync(checkpoint, dataset, _withFeatures, host);
        Assert.True(row.Results!.Features is { Fid: > 0, Kid: { Value: > 0, StandardError: > 0 }, Images: 4, ReferenceImages: 8, Dimensions: 3 });
        Assert.Single(Host.Artifacts.List($"datasets/{dataset.Id}/features"));
    }

    [Theory]
    [InlineData("other.pt", "There is no feature network 'other.pt'; there are means.pt, text.pt")]
    [InlineData("text.pt", "text.pt is no TorchScript file")]
    [InlineData("../allowed", "no feature network")]
    public async Task Run_SaysSo_WhenTheFeatureNetworkCannotBeUsed(string name, string message)
    {
        var host = await AnotherHostAsync(Networks());
        TorchScriptFile.Write(Folder.At("networks", "means.pt"), "return torch.mean(x, [2, 3])");
        await File.WriteAllTextAsync(Folder.At("networks", "text.pt"), "text", Cancellation);
        await AssertFailsAsync(_withFeatures with { Features = new() { Network = name } }, message, host);
    }

    [Fact]
    public async Task Run_SaysSo_WhenTheWorkerHasNoFeatureNetworks() => await AssertFailsAsync(_withFeatures, "Worker:FeatureNetworks");

    [Fact]
    public async Task Run_SaysSo_WhenTheDatasetOrTheCheckpointIsGone()
    {
        var (checkpoint, dataset) = (await AddCheckpointAsync(), await AddDatasetAsync());
        Host.Artifacts.Delete($"datasets/{dataset.Id}");
        await AssertFailsAsync(await AddAsync(checkpoint, dataset, _spec), "pictures of the dataset are not there");
        Host.Artifacts.Delete(checkpoint.ArtifactKey);
        await AssertFailsAsync(await AddAsync(checkpoint, await AddDatasetAsync(), _spec), "choose another");
        await using var db = Host.Open();
        await db.Checkpoints.ExecuteDeleteAsync(Cancellation);
        await AssertFailsAsync(await AddAsync(checkpoint, dataset, _spec), "checkpoint was deleted before");
    }

    [Fact]
    public async Task Run_SaysSo_WhenTheDatasetHasPicturesOfAnotherSize() =>
        await AssertFailsAsync(await AddAsync(await AddCheckpointAsync(), await AddDatasetAsync(resolution: 16), _spec), "make a dataset with the resolution 8");

    [Fact]
    public async Task Run_SaysSo_WhenItsSamplesNeedMoreMemoryThanTheWorkerGives()
    {
        var host = await AnotherHostAsync(new KeyValuePair<string, string?>("Worker:MaxMemoryBytes", "1048576"));
        await AssertFailsAsync(_spec with { Images = 50_000 }, "gives 1 MiB (Worker:MaxMemoryBytes)", host);
    }

    [Fact]
    public async Task Run_EndsCancelledAndLeavesNothing_WhenItIsCancelledHalfWay()
    {
        var row = await AddAsync(await AddCheckpointAsync(), await AddDatasetAsync(), _spec with { Images = 2000, Terms = null });
        var running = Host.StartAsync(row.JobId);
        await Eventually.BecomesTrueAsync("the evaluation has begun", async () => (await Host.JobAsync(row.JobId)).Progress > 0);
        await Host.CancelAsync(row.JobId);
        await running;
        Assert.Equal(JobStatus.Cancelled, (await Host.JobAsync(row.JobId)).Status);
        Assert.False(Host.Artifacts.Exists($"evaluations/{row.Id}"));
        Assert.Empty(Staging());
    }

    [Fact]
    public void Metrics_OfTheContract_AreThoseOfTheEngine() => Assert.Equal(MetricNames.All, Engine.Evaluation.EvaluationMetrics.Names);

    private KeyValuePair<string, string?> Networks()
    {
        Directory.CreateDirectory(Folder.At("networks"));
        return new("Worker:FeatureNetworks", Folder.At("networks"));
    }

    private async Task<Evaluation> MeasureAsync(Checkpoint checkpoint, Dataset dataset, EvaluationSpec spec, WorkerHost? host = null)
    {
        var row = await AddAsync(checkpoint, dataset, spec);
        AssertSucceeded(await (host ?? Host).RunAsync(row.JobId));
        await using var db = Host.Open();
        return await db.Evaluations.AsNoTracking().SingleAsync(e => e.Id == row.Id, Cancellation);
    }

    private async Task AssertFailsAsync(EvaluationSpec spec, string message, WorkerHost? host = null) =>
        await AssertFailsAsync(await AddAsync(await AddCheckpointAsync(), await AddDatasetAsync(), spec), message, host);

    private async Task AssertFailsAsync(Evaluation row, string message, WorkerHost? host = null)
    {
        var job = await (host ?? Host).RunAsync(row.JobId);
        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains(message, job.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, job.Error, StringComparison.Ordinal);
    }

    private async Task<Evaluation> AddAsync(Checkpoint checkpoint, Dataset dataset, EvaluationSpec spec)
    {
        var job = await Host.AddJobAsync(JobKind.Evaluation);
        var row = new Evaluation { Id = Guid.CreateVersion7(), JobId = job.Id, CheckpointId = checkpoint.Id, DatasetId = dataset.Id, Spec = spec };
        await Host.AddAsync(row);
        return row;
    }

    private async Task<Dataset> AddDatasetAsync(int resolution = 8)
    {
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Dataset)).Id,
            Name = "faces",
            Spec = new DatasetSpec { Source = new DatasetSource { Kind = DatasetSourceKind.Builtin, Name = "faces", Count = 8 }, Resolution = resolution },
        };
        await Host.AddAsync(dataset);
        AssertSucceeded(await Host.RunAsync(dataset.JobId));
        return dataset;
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

    private (int, int) SizeOf(Evaluation row, string file)
    {
        var picture = ImageCodec.Decode(File.ReadAllBytes(Host.Artifacts.PathOf($"{row.ArtifactKey}/{file}")), new ImageDecodeOptions());
        return (picture.Width, picture.Height);
    }

    private IEnumerable<string> Staging() => Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging"));
}
