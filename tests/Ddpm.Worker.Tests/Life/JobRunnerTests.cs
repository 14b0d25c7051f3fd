using Ddpm.Jobs.Life;
using Ddpm.Worker.Life;
using Microsoft.Data.Sqlite;

namespace Ddpm.Worker.Tests.Life;

/// <summary>How work that throws ends its job.</summary>
public sealed class JobRunnerTests : WorkerTests
{
    private const int Busy = 5;
    private const int Corrupt = 11;

    // As EF wraps what the driver throws while the server is away.
    [Fact]
    public async Task Work_ThatTheDatabaseDoesNotAnswer_IsDoneAgain()
    {
        var job = await Host.AddJobAsync(JobKind.Sampling);

        await RunAsync(job, _ => throw new InvalidOperationException("likely due to a transient failure", new SqliteException("busy", Busy)));
        await Host.Get<JobReconciler>().ReconcileAsync(Cancellation);

        var row = await Host.JobAsync(job.Id);
        Assert.Equal((JobStatus.Queued, 1, null), (row.Status, row.LostLeases, row.Error));
        await RunAsync(job, lease => lease.Succeed(_ => { }));
        AssertSucceeded(await Host.JobAsync(job.Id));
    }

    [Fact]
    public async Task Work_ThatTheDatabaseNeverAnswers_FailsInTheEnd()
    {
        var job = await Host.AddJobAsync(JobKind.Sampling);

        for (var attempt = 0; attempt < new LeaseOptions().MaxLostLeases; attempt++)
        {
            await RunAsync(job, _ => throw new SqliteException("busy", Busy));
            await Host.Get<JobReconciler>().ReconcileAsync(Cancellation);
        }

        var row = await Host.JobAsync(job.Id);
        Assert.Equal(JobStatus.Failed, row.Status);
        Assert.StartsWith("Given up: 5 times in a row", row.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Work_FailsAtOnce_WhereTryingAgainWouldNotHelp()
    {
        var job = await Host.AddJobAsync(JobKind.Sampling);

        await RunAsync(job, _ => throw new SqliteException("corrupt", Corrupt));

        Assert.Equal(JobStatus.Failed, (await Host.JobAsync(job.Id)).Status);
    }

    [Fact]
    public async Task Turn_IsKept_WhereTheJobThatItGoesTo_IsHeldByAnother()
    {
        var (other, delivered) = (await Host.AddJobAsync(JobKind.Sampling), await Host.AddJobAsync(JobKind.Sampling));
        using var lease = await Host.Get<JobClaims>().TryClaimAsync(other.Id, CancellationToken.None);

        Assert.Null(await Host.Get<JobRunner>().ClaimTurnAsync(turn: other.Id, delivered.Id));

        var row = await Host.JobAsync(delivered.Id);
        Assert.Equal((JobStatus.Queued, null), (row.Status, row.DispatchId));
    }

    [Fact]
    public async Task Turn_IsUsedUp_ByTheJobThatItGoesTo()
    {
        var (other, delivered) = (await Host.AddJobAsync(JobKind.Sampling), await Host.AddJobAsync(JobKind.Sampling));

        using var lease = await Host.Get<JobRunner>().ClaimTurnAsync(turn: other.Id, delivered.Id);

        Assert.Equal(other.Id, lease?.Job.Id);
        var row = await Host.JobAsync(delivered.Id);
        Assert.Equal(JobStatus.Queued, row.Status);
        Assert.NotNull(row.DispatchId);
    }

    private Task RunAsync(Job job, Action<JobLease> work) => Host.Get<JobRunner>().RunAsync(job.Id, work);
}
