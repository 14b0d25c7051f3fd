using System.Security.Cryptography;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Training;

public sealed class TrainingJobTests : TrainingTests
{
    [Fact]
    public async Task Run_LeavesEverythingThatWasPromised_WhenItEnds()
    {
        var run = await AddRunAsync(training => training with { PreviewEveryEpochs = 5 }); // every ten steps

        var job = await Host.RunAsync(run.JobId);

        AssertSucceeded(job);
        Assert.Equal(1, job.Progress);
        var row = await ReadAsync(run);
        Assert.Equal((Steps, Steps, 12.0), (row.Step, row.TotalSteps, row.Epoch));
        Assert.Equal((960, 480), SizeOf(row.LossCurveKey!));

        var checkpoints = await CheckpointsAsync(run);
        Assert.Equal([24L, 16, 8], checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.All(checkpoints, checkpoint =>
        {
            var folder = Host.Artifacts.PathOf(checkpoint.ArtifactKey);
            Assert.Equal(Hash(Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors")), checkpoint.Sha256);
            Assert.Equal(Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length), checkpoint.Bytes);
            Assert.Equal((true, true, 8, 3), (checkpoint.Ema, checkpoint.Resumable, checkpoint.Resolution, checkpoint.Channels));
        });

        var metrics = await MetricsAsync(run);
        Assert.Equal((1L, Steps), (metrics[0].Step, metrics[^1].Step));
        Assert.Equal((row.Loss, row.GradNorm), (metrics[^1].Loss, metrics[^1].GradNorm));
        Assert.All(metrics, metric => Assert.True(metric is { Loss: > 0, GradNorm: > 0, ImagesPerSecond: > 0 }));

        var previews = await PreviewsAsync(run);
        Assert.Equal([10L, 20, 24], previews.Select(preview => preview.Step));
        var expected = SizeOf(previews[0].ArtifactKey);
        Assert.True(expected is { Width: >= 32, Height: >= 32 }, $"{expected}"); // sixteen pictures of 8 × 8
    }

    [Fact]
    public async Task Run_KeepsTheNewestCheckpoints_AndThoseThatANameOrAWaitingRequestPointsTo()
    {
        var run = await AddRunAsync(training => training with { Steps = 8, CheckpointEverySteps = 4 });
        AssertSucceeded(await Host.RunAsync(run.JobId)); // 4, 8
        var first = await CheckpointsAsync(run);
        await Host.AddAsync(new NamedModel { Name = "mine", CheckpointId = first[1].Id, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });
        await AddSamplesAsync(first[0], JobStatus.Succeeded);

        var goal = await ResumeAsync(run, training => training with { Steps = 20, CheckpointEverySteps = 4, KeepCheckpoints = 2 });
        AssertSucceeded(await Host.RunAsync(goal)); // 12, 16, 20

        Assert.Equal([20L, 16, 4], (await CheckpointsAsync(run)).Select(checkpoint => checkpoint.Step));
        await AddSamplesAsync((await CheckpointsAsync(run))[1], JobStatus.Queued);
        var further = await ResumeAsync(run, training => training with { Steps = 24, CheckpointEverySteps = 4, KeepCheckpoints = 1 });
        AssertSucceeded(await Host.RunAsync(further));

        var kept = await CheckpointsAsync(run);
        Assert.Equal([24L, 16, 4], kept.Select(checkpoint => checkpoint.Step));
        Assert.Equal(kept.Select(checkpoint => checkpoint.ArtifactKey).Order(), CheckpointFolders(run).Order());
    }

    [Fact]
    public async Task Run_FailsWithAdvice_WhenItDiverges()
    {
        var run = await AddRunAsync(training => training with { LearningRate = 1e30, WarmupSteps = 0 });

        var job = await Host.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("stopped being finite", job.Error, StringComparison.Ordinal);
        Assert.Contains("lower learning rate (it is 1E+30)", job.Error, StringComparison.Ordinal);
        Assert.Equal((await MetricsAsync(run))[^1].Step, (await ReadAsync(run)).Step);
    }

    [Fact]
    public async Task Run_KeepsItsBestCheckpoint_BesideTheNewest()
    {
        var run = await AddRunAsync(training => training with { Steps = 8, CheckpointEverySteps = 4 });
        AssertSucceeded(await Host.RunAsync(run.JobId)); // 4, 8
        await using (var db = Host.Open())
            await db.Checkpoints.Where(row => row.TrainingRunId == run.Id && row.Step == 4).ExecuteUpdateAsync(set => set.SetProperty(row => row.Loss, 1e-9), Cancellation);

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run, training => training with { Steps = 16, CheckpointEverySteps = 4, KeepCheckpoints = 1 }))); // 12, 16
        Assert.Equal([16L, 4], (await CheckpointsAsync(run)).Select(checkpoint => checkpoint.Step));
    }

    [Fact]
    public async Task Run_Succeeds_WhenItsTimeIsUp_AndGoesOnWhenResumed()
    {
        var run = await AddRunAsync(training => training with { Steps = 100_000, MaxSeconds = 1, CheckpointEverySteps = null });
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var row = await ReadAsync(run);
        Assert.InRange(row.Step, 1, 99_999);
        Assert.Equal(row.Step, (await CheckpointsAsync(run))[0].Step);
        Assert.True(row is { SkippedSteps: 0, EmaDistance: > 0, MemoryBytes: > 0 });
        Assert.Equal(row.EmaDistance, (await MetricsAsync(run))[^1].EmaDistance);

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run, training => training with { Steps = (int)row.Step + 3, MaxSeconds = null })));
        Assert.Equal(row.Step + 3, (await ReadAsync(run)).Step);
    }

    [Fact]
    public async Task Run_AddsAFileOfEventsForTensorBoard_AtEveryAttempt()
    {
        var run = await AddRunAsync(training => training with { Steps = 4 });
        AssertSucceeded(await Host.RunAsync(run.JobId));
        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run, training => training with { Steps = 6 })));
        var files = Host.Artifacts.List($"training-runs/{run.Id}/tensorboard");
        Assert.Equal(2, files.Count);
        Assert.All(files, file => Assert.True(new FileInfo(Host.Artifacts.PathOf(file)).Length > 500)); // a few scalars a step
    }

    [Fact]
    public async Task Run_SaysWhatToDo_WhenTheDatasetIsGone()
    {
        var run = await AddRunAsync();
        Host.Artifacts.Delete($"datasets/{run.DatasetId}");

        var job = await Host.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("Make the dataset again", job.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, job.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_IsRefusedBeforeItsNetworkIsMade_WhenItNeedsMoreMemoryThanTheWorkerGives()
    {
        var run = await AddRunAsync(Spec with
        {
            Network = new NetworkSpec { BlockOutChannels = [2048, 2048, 2048, 2048], LayersPerBlock = 8 },
            Training = Spec.Training with { BatchSize = 4096 },
        });
        var host = await AnotherHostAsync(new KeyValuePair<string, string?>("Worker:MaxTrainingMemoryBytes", "25769803776"));

        var job = await host.RunAsync(run.JobId);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("Training needs at least ", job.Error, StringComparison.Ordinal);
        Assert.Contains("gives 24576 MiB (Worker:MaxTrainingMemoryBytes). Ask for a smaller batch", job.Error, StringComparison.Ordinal);
        Assert.Empty(CheckpointFolders(run));
    }

    private async Task AddSamplesAsync(Checkpoint checkpoint, JobStatus status)
    {
        var job = await Host.AddJobAsync(JobKind.Sampling);
        await Host.AddAsync(new SampleBatch { Id = Guid.CreateVersion7(), JobId = job.Id, CheckpointId = checkpoint.Id, Spec = new SamplingSpec() });
        await using var db = Host.Open();
        await db.Jobs.Where(row => row.Id == job.Id).ExecuteUpdateAsync(set => set.SetProperty(row => row.Status, status), Cancellation);
    }

    private (int Width, int Height) SizeOf(string key)
    {
        var picture = ImageCodec.Decode(File.ReadAllBytes(Host.Artifacts.PathOf(key)), new ImageDecodeOptions());
        return (picture.Width, picture.Height);
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
}
