using Ddpm.Jobs.Life;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Training;

public sealed class TrainingInterruptionTests : TrainingTests
{
    [Fact]
    public async Task Run_EndsInTheSameWeights_WhenTheProcessWasShutDownHalfWay()
    {
        var undisturbed = await AddRunAsync(Many);
        AssertSucceeded(await Host.RunAsync(undisturbed.JobId));

        var run = await AddRunAsync(Many);
        var running = Host.StartAsync(run.JobId);
        await ReachesAsync(run, 20);
        Host.ShutDown();
        await running;

        var given = await Host.JobAsync(run.JobId);
        var saved = Assert.Single(await CheckpointsAsync(run));
        Assert.Equal((JobStatus.Queued, null, null), (given.Status, given.LeaseExpiresAt, given.EndedAt));
        Assert.InRange(saved.Step, 20, ManySteps - 1);
        Assert.Equal(saved.Step, (await ReadAsync(run)).Step);

        var next = await AnotherHostAsync();
        AssertSucceeded(await next.RunAsync(run.JobId));

        Assert.Equal((await CheckpointsAsync(undisturbed))[0].Sha256, (await CheckpointsAsync(run))[0].Sha256);
        Assert.Equal(1, (await MetricsAsync(run))[0].Step);
        Assert.Equal((await PreviewAsync(undisturbed)), await PreviewAsync(run));
    }

    [Fact]
    public async Task Run_EndsCancelled_WithACheckpointOfItsLastStep()
    {
        var run = await AddRunAsync(Many);
        var running = Host.StartAsync(run.JobId);
        await ReachesAsync(run, 10);

        await Host.CancelAsync(run.JobId);
        await running;

        var job = await Host.JobAsync(run.JobId);
        Assert.Equal((JobStatus.Cancelled, null), (job.Status, job.Error));
        var row = await ReadAsync(run);
        Assert.InRange(row.Step, 10, ManySteps - 1);
        Assert.Equal(row.Step, Assert.Single(await CheckpointsAsync(run)).Step);
        Assert.True(Host.Artifacts.Exists(row.LossCurveKey!));
    }

    [Fact]
    public async Task Run_WritesNothing_WhenTheLeaseIsLost()
    {
        var run = await AddRunAsync(Many);
        var running = Host.StartAsync(run.JobId);
        await ReachesAsync(run, 10);

        using var thief = await (await AnotherHostAsync()).TakeOverAsync(run.JobId);
        var before = (await ReadAsync(run), await MetricsAsync(run));
        await running;

        Assert.Equivalent(before, (await ReadAsync(run), await MetricsAsync(run)));
        Assert.Empty(await CheckpointsAsync(run));
        var job = await Host.JobAsync(run.JobId);
        Assert.Equal((JobStatus.Running, 2L, null), (job.Status, job.LeaseEpoch, job.Error));
    }

    [Fact]
    public async Task Run_ReplacesWhatALostAttemptWrote_AndDeletesWhatNoRowNames()
    {
        var run = await AddRunAsync();
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var newest = (await CheckpointsAsync(run))[0];
        var expected = newest.Sha256;
        // As if the worker had died after the file of step 24 and before its row.
        await ForgetAsync(newest.Id, run.JobId);
        var orphan = newest.ArtifactKey;
        Directory.CreateDirectory(Host.Artifacts.PathOf(orphan) + ".partial");
        Assert.Equal(Steps, (await MetricsAsync(run))[^1].Step);

        var next = await AnotherHostAsync();
        next.Clock.Shift = TimeSpan.FromMinutes(5);
        AssertSucceeded(await next.RunAsync(run.JobId));

        var checkpoints = await CheckpointsAsync(run);
        Assert.Equal([24L, 16, 8], checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal(expected, checkpoints[0].Sha256);
        Assert.Equal(checkpoints.Select(checkpoint => checkpoint.ArtifactKey).Order(), CheckpointFolders(run).Order());
        var steps = (await MetricsAsync(run)).Select(metric => metric.Step).ToList();
        Assert.Equal(steps.Distinct(), steps);
        Assert.Equal(0, (await Host.JobAsync(run.JobId)).LostLeases); // a checkpoint was written since
    }

    public static MatrixTheoryData<string, TornFile> TornFiles { get; } = new(
        ["model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json", "training/state.json",
            "training/raw_weights.safetensors", "training/adamw.safetensors", "training/SHA256SUMS"],
        Enum.GetValues<TornFile>());

    [Theory]
    [MemberData(nameof(TornFiles))]
    public async Task Run_GoesOnFromTheCheckpointBefore_WhenTheNewestIsDamaged(string file, TornFile how)
    {
        var run = await AddRunAsync(training => training with { KeepCheckpoints = 4 });
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var checkpoints = await CheckpointsAsync(run);
        Tear(Path.Combine(Host.Artifacts.PathOf(checkpoints[0].ArtifactKey), file), how);

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run)));

        var now = await CheckpointsAsync(run);
        Assert.Equal([24L, 24, 16], now.Select(checkpoint => checkpoint.Step).Take(3));
        var (remade, damaged) = (now.Single(checkpoint => checkpoint is { Step: 24, Resumable: true }), now.Single(checkpoint => checkpoint is { Step: 24, Resumable: false }));
        Assert.Equal((checkpoints[0].Id, checkpoints[0].Sha256), (damaged.Id, remade.Sha256));
        Assert.NotEqual(damaged.ArtifactKey, remade.ArtifactKey);
    }

    [Theory]
    [InlineData("unet/diffusion_pytorch_model.safetensors")]
    [InlineData("training/state.json")]
    public async Task Run_IsDoneAgain_WhenItsCheckpointCannotBeReadAtTheMoment(string file)
    {
        var run = await AddRunAsync();
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var before = await CheckpointsAsync(run);
        var job = await ResumeAsync(run);

        using (new FileStream(Path.Combine(Host.Artifacts.PathOf(before[0].ArtifactKey), file), FileMode.Open, FileAccess.Read, FileShare.None))
        {
            var givenUp = await Host.RunAsync(job);
            Assert.Equal((JobStatus.Running, DateTime.UnixEpoch), (givenUp.Status, givenUp.LeaseExpiresAt)); // for the next round of a reconciler
        }

        AssertSucceeded(await Host.RunAsync(job));
        Assert.Equal(before.Select(checkpoint => (checkpoint.Id, checkpoint.Resumable)), (await CheckpointsAsync(run)).Select(checkpoint => (checkpoint.Id, checkpoint.Resumable)));
    }

    [Fact]
    public async Task Run_BeginsAnew_WhenTheFolderOfItsOnlyCheckpointIsGone()
    {
        var run = await AddRunAsync(training => training with { CheckpointEverySteps = 100 });
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var lost = Assert.Single(await CheckpointsAsync(run));
        Host.Artifacts.Delete(lost.ArtifactKey);

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run)));

        var remade = Assert.Single(await CheckpointsAsync(run));
        Assert.NotEqual(lost.Id, remade.Id);
        Assert.Equal(lost.Sha256, remade.Sha256);
    }

    [Fact]
    public async Task Run_GoesOn_WhenItIsResumedForMoreSteps()
    {
        var run = await AddRunAsync();
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var firstPoints = (await MetricsAsync(run)).Select(metric => metric.At).ToList();

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run, training => training with { Steps = 32 })));

        var row = await ReadAsync(run);
        Assert.Equal((32, 32), (row.Step, row.TotalSteps));
        Assert.Equal([32L, 24, 16], (await CheckpointsAsync(run)).Select(checkpoint => checkpoint.Step));
        Assert.Equal(firstPoints, (await MetricsAsync(run)).Select(metric => metric.At).Take(firstPoints.Count));
    }

    [Fact]
    public async Task Run_SavesNoSecondCheckpoint_WhenItHadOnlyToBeEnded()
    {
        var run = await AddRunAsync();
        AssertSucceeded(await Host.RunAsync(run.JobId));
        var before = await CheckpointsAsync(run);

        AssertSucceeded(await Host.RunAsync(await ResumeAsync(run)));

        Assert.Equivalent(before, await CheckpointsAsync(run));
    }

    private static OptimizationSpec Many(OptimizationSpec training) => training with { Steps = ManySteps, CheckpointEverySteps = ManySteps, KeepCheckpoints = 1 };

    private async Task<string> PreviewAsync(TrainingRun run) =>
        Convert.ToHexString(await File.ReadAllBytesAsync(Host.Artifacts.PathOf((await PreviewsAsync(run))[^1].ArtifactKey), Cancellation));

    private async Task ForgetAsync(Guid checkpointId, Guid jobId)
    {
        await using var db = Host.Open();
        await db.Checkpoints.Where(row => row.Id == checkpointId).ExecuteDeleteAsync(Cancellation);
        await db.Jobs.Where(row => row.Id == jobId).ExecuteUpdateAsync(
            set => set.SetProperty(row => row.Status, JobStatus.Running).SetProperty(row => row.LeaseExpiresAt, DateTime.UtcNow).SetProperty(row => row.LostLeases, 2), Cancellation);
    }
}
