using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Training;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Training;

/// <summary>Tests with runs of a network of a few channels on eight faces.</summary>
public abstract class TrainingTests : WorkerTests
{
    protected const int Steps = 24;

    /// <summary>So many that a test can stop the run in its middle.</summary>
    protected const int ManySteps = 80;

    protected static TrainingSpec Spec { get; } = new()
    {
        Network = new NetworkSpec { BlockOutChannels = [8], DownBlockTypes = ["DownBlock2D"], LayersPerBlock = 1, NormNumGroups = 4 },
        Schedule = new ScheduleSpec { Timesteps = 10 }, // previews take so many network calls a picture
        Training = new OptimizationSpec
        {
            Steps = Steps,
            BatchSize = 4,
            WarmupSteps = 2,
            LearningRate = 1e-3,
            Seed = 3,
            CheckpointEverySteps = 8,
            PreviewEveryEpochs = 100_000,
        },
    };

    protected async Task<TrainingRun> AddRunAsync(TrainingSpec spec)
    {
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Dataset)).Id,
            Name = "faces",
            Spec = new DatasetSpec { Source = new DatasetSource { Kind = DatasetSourceKind.Builtin, Name = "faces", Count = 8 }, Resolution = 8 },
        };
        await Host.AddAsync(dataset);
        AssertSucceeded(await Host.RunAsync(dataset.JobId));
        var run = new TrainingRun
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Training)).Id,
            DatasetId = dataset.Id,
            Name = "run",
            Spec = spec,
        };
        await Host.AddAsync(run);
        return run;
    }

    protected Task<TrainingRun> AddRunAsync(Func<OptimizationSpec, OptimizationSpec>? change = null) =>
        AddRunAsync(Spec with { Training = change is null ? Spec.Training : change(Spec.Training) });

    /// <summary>What the API does where a run is resumed.</summary>
    protected async Task<Guid> ResumeAsync(TrainingRun run, Func<OptimizationSpec, OptimizationSpec>? change = null)
    {
        var job = await Host.AddJobAsync(JobKind.Training);
        var spec = run.Spec with { Training = change is null ? run.Spec.Training : change(run.Spec.Training) };
        await using var db = Host.Open();
        await db.TrainingRuns.Where(row => row.Id == run.Id)
            .ExecuteUpdateAsync(set => set.SetProperty(row => row.JobId, job.Id).SetProperty(row => row.Spec, spec), Cancellation);
        return job.Id;
    }

    protected async Task<TrainingRun> ReadAsync(TrainingRun run)
    {
        await using var db = Host.Open();
        return await db.TrainingRuns.AsNoTracking().SingleAsync(row => row.Id == run.Id, Cancellation);
    }

    /// <summary>Newest first.</summary>
    protected async Task<List<Checkpoint>> CheckpointsAsync(TrainingRun run)
    {
        await using var db = Host.Open();
        return await db.Checkpoints.AsNoTracking().Where(row => row.TrainingRunId == run.Id).OrderByDescending(row => row.Step).ToListAsync(Cancellation);
    }

    protected async Task<List<TrainingMetric>> MetricsAsync(TrainingRun run)
    {
        await using var db = Host.Open();
        return await db.TrainingMetrics.AsNoTracking().Where(row => row.TrainingRunId == run.Id).OrderBy(row => row.Step).ToListAsync(Cancellation);
    }

    protected async Task<List<TrainingPreview>> PreviewsAsync(TrainingRun run)
    {
        await using var db = Host.Open();
        return await db.TrainingPreviews.AsNoTracking().Where(row => row.TrainingRunId == run.Id).OrderBy(row => row.Step).ToListAsync(Cancellation);
    }

    /// <summary>Returns when the run has come so far, and goes on.</summary>
    protected Task ReachesAsync(TrainingRun run, long step) =>
        Eventually.BecomesTrueAsync($"the run reaches step {step}", async () => (await ReadAsync(run)).Step >= step);

    /// <summary>Folders of checkpoints on the disk, as keys; unfinished ones too.</summary>
    protected IEnumerable<string> CheckpointFolders(TrainingRun run) =>
        Host.Artifacts.List($"training-runs/{run.Id}").SelectMany(attempt => Host.Artifacts.List($"{attempt}/checkpoints"));

    /// <summary>Every file of the run with its content.</summary>
    protected SortedDictionary<string, string> FilesOf(TrainingRun run)
    {
        var root = Host.Artifacts.PathOf($"training-runs/{run.Id}");
        return new(Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).ToDictionary(
            file => Path.GetRelativePath(root, file), file => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)))),
            StringComparer.Ordinal);
    }

    /// <summary>Leaves of a file what a loss of power can leave.</summary>
    protected static void Tear(string path, TornFile how)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[^5] ^= 1;
        File.WriteAllBytes(path, how switch
        {
            TornFile.Empty => [],
            TornFile.Half => bytes[..(bytes.Length / 2)],
            TornFile.Zeros => new byte[bytes.Length],
            _ => bytes,
        });
    }

    public enum TornFile
    {
        Altered, // one bit
        Half,
        Zeros,
        Empty,
    }
}
