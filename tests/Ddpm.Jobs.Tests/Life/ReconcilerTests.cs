using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Hangfire;
using Hangfire.States;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Tests.Life;

public abstract class ReconcilerTests : JobsTests
{
    protected static readonly TimeSpan LongAfterTheLease = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task EnqueueAsync_PutsTheIdIntoTheQueueOfItsKind()
    {
        var job = await Host.AddJobAsync(JobKind.Training);

        await Host.Dispatcher.EnqueueAsync(job, Cancellation);

        Assert.Equal([job.Id], Waiting(Host, Queues.Training));
        Assert.Equal(job.DispatchId, (await Host.ReadAsync(job.Id)).DispatchId);
    }

    [Fact]
    public async Task ReconcileAsync_EnqueuesAJobOnce_WhenItWasSavedButNeverEnqueued()
    {
        var job = await Host.AddJobAsync(JobKind.Dataset);

        await Host.Reconciler.ReconcileAsync(Cancellation);
        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal([job.Id], Waiting(Host, Queues.Data));
    }

    [Fact]
    public async Task ReconcileAsync_EnqueuesAgain_WhenTheDispatchCameToNothing()
    {
        var job = await Host.AddJobAsync();
        await Host.Dispatcher.EnqueueAsync(job, Cancellation);
        Host.Get<IBackgroundJobClientV2>().ChangeState(job.DispatchId!, new DeletedState(), null);

        await Host.Reconciler.ReconcileAsync(Cancellation);

        var row = await Host.ReadAsync(job.Id);
        Assert.NotEqual(job.DispatchId, row.DispatchId);
        Assert.Equal(EnqueuedState.StateName, StateOf(Host, row.DispatchId!));
    }

    [Fact]
    public async Task ReconcileAsync_EnqueuesAgain_WhenTheDispatchCarriesAnotherJob()
    {
        var carried = await Host.AddJobAsync();
        await Host.Dispatcher.EnqueueAsync(carried, Cancellation);
        var job = await Host.AddJobAsync();
        await using (var db = Host.Open())
            await db.Jobs.Where(j => j.Id == job.Id).ExecuteUpdateAsync(set => set.SetProperty(j => j.DispatchId, carried.DispatchId), Cancellation);

        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal(new[] { carried.Id, job.Id }.Order(), Waiting(Host, Queues.Sampling).Order());
    }

    [Fact]
    public async Task ReconcileAsync_LeavesARunningJobAlone_WhenItsLeaseHolds()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);

        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal((JobStatus.Running, 1L), ((await Host.ReadAsync(job.Id)).Status, (await Host.ReadAsync(job.Id)).LeaseEpoch));
        lease.Write(_ => { });
    }

    [Fact]
    public async Task ReconcileAsync_QueuesAgain_WhenTheLeaseHasRunOut()
    {
        var job = await Host.AddJobAsync();
        (await Host.ClaimAsync(job.Id)).Dispose();
        var later = await AnotherHostAsync(LongAfterTheLease);

        await later.Reconciler.ReconcileAsync(Cancellation);

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Queued, 1, null), (row.Status, row.LostLeases, row.LeaseExpiresAt));
        Assert.Equal(EnqueuedState.StateName, StateOf(later, row.DispatchId!));
    }

    [Fact]
    public async Task ReconcileAsync_ShortensALease_WhenTheClockThatJudgesItWasSetBack()
    {
        var job = await Host.AddJobAsync();
        var before = await AnotherHostAsync(LongAfterTheLease);
        (await before.ClaimAsync(job.Id)).Dispose(); // its worker dies, and nobody would miss it for as long as the clock was set back
        var far = (await Host.ReadAsync(job.Id)).LeaseExpiresAt;

        await Host.Reconciler.ReconcileAsync(Cancellation);

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal(JobStatus.Running, row.Status);
        Assert.True(row.LeaseExpiresAt < far - (LongAfterTheLease / 2), $"{far:T} became {row.LeaseExpiresAt:T}");
    }

    [Fact]
    public async Task ReconcileAsync_EnqueuesAnew_WhenTheWorkerDiedThatTheDispatchWentTo()
    {
        var job = await Host.AddJobAsync();
        await Host.Dispatcher.EnqueueAsync(job, Cancellation);
        (await Host.ClaimAsync(job.Id)).Dispose();
        var later = await AnotherHostAsync(LongAfterTheLease);

        await later.Reconciler.ReconcileAsync(Cancellation);

        Assert.NotEqual(job.DispatchId, (await Host.ReadAsync(job.Id)).DispatchId);
    }

    [Fact]
    public async Task ReconcileAsync_GivesUp_WhenLeasesAreLostAgainAndAgain()
    {
        var job = await Host.AddJobAsync();
        var later = await AnotherHostAsync(LongAfterTheLease);
        for (var loss = 0; loss < 5; loss++)
        {
            (await Host.ClaimAsync(job.Id)).Dispose();
            await later.Reconciler.ReconcileAsync(Cancellation);
        }

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Failed, 5), (row.Status, row.LostLeases));
        Assert.Contains("5 times in a row", row.Error, StringComparison.Ordinal);
        Assert.Null(await Host.Claims.TryClaimAsync(job.Id, CancellationToken.None));
    }

    [Fact]
    public async Task ReconcileAsync_Cancels_WhenTheWorkerDiedBeforeItSawTheRequest()
    {
        var job = await Host.AddJobAsync();
        (await Host.ClaimAsync(job.Id)).Dispose();
        await Host.Control.CancelAsync(job.Id, Cancellation);
        var later = await AnotherHostAsync(LongAfterTheLease);

        await later.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal(JobStatus.Cancelled, (await Host.ReadAsync(job.Id)).Status);
    }

    [Fact]
    public async Task ReconcileAsync_Cancels_WhenTheRequestCameWhileTheJobWasTakenBack()
    {
        var job = await Host.AddJobAsync();
        await using (var db = Host.Open())
            await db.Jobs.Where(j => j.Id == job.Id).ExecuteUpdateAsync(set => set.SetProperty(j => j.CancelRequested, true), Cancellation);

        await Host.Reconciler.ReconcileAsync(Cancellation);

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal(JobStatus.Cancelled, row.Status);
        Assert.NotNull(row.EndedAt);
    }

    private protected static IEnumerable<Guid> Waiting(JobsHost host, string queue) =>
        host.Get<JobStorage>().GetMonitoringApi().EnqueuedJobs(queue, 0, 100).Select(entry => (Guid)entry.Value.Job.Args[0]);

    private static string? StateOf(JobsHost host, string dispatchId)
    {
        using var connection = host.Get<JobStorage>().GetConnection();
        return connection.GetStateData(dispatchId)?.Name;
    }
}

public sealed class SqliteReconcilerTests : ReconcilerTests
{
    [Fact]
    public async Task ReconcileAsync_EnqueuesAgain_WhenTheProcessWasStartedAnew()
    {
        var job = await Host.AddJobAsync();
        await Host.Dispatcher.EnqueueAsync(job, Cancellation);
        var restarted = await AnotherHostAsync();

        await restarted.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal([job.Id], Waiting(restarted, Queues.Sampling));
    }

    [Fact]
    public async Task ReconcileAsync_ShortensNoLease_WhenItsProcessWasStoppedWhileItAskedForTheTime()
    {
        var job = await Host.AddJobAsync();
        var later = await AnotherHostAsync(LongAfterTheLease);
        (await later.ClaimAsync(job.Id)).Dispose();
        var before = (await Host.ReadAsync(job.Id)).LeaseExpiresAt;

        Host.Clock.PassesAtEachLook = TimeSpan.FromMinutes(1);
        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal(before, (await Host.ReadAsync(job.Id)).LeaseExpiresAt);
    }

    [Theory]
    [InlineData("another-machine:1:00000000")]
    [InlineData("{machine}:{this}:00000000")]
    [InlineData("{machine}:2147483646:00000000")]
    public async Task EndLeasesOfTheDeadAsync_TakesTheJobBackAtOnce_WhenItsProcessIsGone(string owner)
    {
        var job = await RunningAsync(owner
            .Replace("{machine}", Environment.MachineName, StringComparison.Ordinal)
            .Replace("{this}", $"{Environment.ProcessId}", StringComparison.Ordinal));

        Assert.Equal(1, await Host.Reconciler.EndLeasesOfTheDeadAsync(Cancellation));
        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal(JobStatus.Queued, (await Host.ReadAsync(job)).Status);
    }

    [Fact]
    public async Task EndLeasesOfTheDeadAsync_LeavesAJobAlone_WhenItsProcessLives()
    {
        var job = await RunningAsync($"{Environment.MachineName}:1:00000000"); // Process 1 always lives.

        Assert.Equal(0, await Host.Reconciler.EndLeasesOfTheDeadAsync(Cancellation));
        Assert.Equal(JobStatus.Running, (await Host.ReadAsync(job)).Status);
    }

    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));

    private async Task<Guid> RunningAsync(string owner)
    {
        var job = await Host.AddJobAsync();
        (await Host.ClaimAsync(job.Id)).Dispose();
        await using var db = Host.Open();
        await db.Jobs.Where(j => j.Id == job.Id).ExecuteUpdateAsync(set => set.SetProperty(j => j.Owner, owner), Cancellation);
        return job.Id;
    }
}

[Trait("Category", "services")]
public sealed class PostgresReconcilerTests(PostgresFixture postgres) : ReconcilerTests
{
    // As one that is stopped between two statements of a write, and has not noticed its end.
    [Fact]
    public async Task ReconcileAsync_QueuesAgain_WhenAProcessWasStoppedInTheMiddleOfAWrite()
    {
        var jobs = new List<Job> { await Host.AddJobAsync(), await Host.AddJobAsync() };
        foreach (var job in jobs)
            (await Host.ClaimAsync(job.Id)).Dispose();
        await using var stopped = Host.Open();
        await using var write = await stopped.Database.BeginTransactionAsync(Cancellation);
        await stopped.Jobs.Where(j => j.Id == jobs[0].Id).ExecuteUpdateAsync(set => set.SetProperty(j => j.LeaseEpoch, j => j.LeaseEpoch), Cancellation);

        var later = await AnotherHostAsync(LongAfterTheLease);
        await later.Reconciler.ReconcileAsync(Cancellation);

        foreach (var job in jobs)
            Assert.Equal(JobStatus.Queued, (await Host.ReadAsync(job.Id)).Status);
        var ended = await Assert.ThrowsAnyAsync<Exception>(() => stopped.Jobs.CountAsync(Cancellation));
        Assert.True(DatabaseErrors.IsTransient(ended), $"{ended}");
    }

    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
