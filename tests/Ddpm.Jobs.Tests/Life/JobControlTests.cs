using Ddpm.Jobs.Life;
using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests.Life;

public abstract class JobControlTests : JobsTests
{
    [Fact]
    public async Task CancelAsync_EndsTheJobAtOnce_WhenItWaits()
    {
        var job = await Host.AddJobAsync();
        var bystander = await Host.ReadAsync((await Host.AddJobAsync()).Id);

        Assert.Equal(CancelOutcome.Cancelled, await Host.Control.CancelAsync(job.Id, Cancellation));

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal(JobStatus.Cancelled, row.Status);
        Assert.NotNull(row.EndedAt);
        Assert.Equivalent(bystander, await Host.ReadAsync(bystander.Id));
        Assert.Null(await Host.Claims.TryClaimAsync(job.Id, CancellationToken.None));
    }

    [Fact]
    public async Task CancelAsync_IsSeenByTheWorker_WhenTheJobRuns()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);

        Assert.Equal(CancelOutcome.Requested, await Host.Control.CancelAsync(job.Id, Cancellation));
        await Eventually.BecomesTrueAsync("the request is seen", () => lease.Stop.IsCancellationRequested);
        Assert.Equal(StopReason.CancelRequested, lease.StopReason);
        lease.Cancel();

        Assert.Equal(JobStatus.Cancelled, (await Host.ReadAsync(job.Id)).Status);
    }

    [Theory]
    [InlineData(JobStatus.Succeeded)]
    [InlineData(JobStatus.Failed)]
    [InlineData(JobStatus.Cancelled)]
    public async Task NothingThatAnyoneDoes_ChangesAJob_WhenItHasEnded(JobStatus status)
    {
        var before = await Host.ReadAsync((await Host.AddJobAsync(status: status)).Id);
        var later = await AnotherHostAsync(ahead: TimeSpan.FromHours(1));

        Assert.Equal(CancelOutcome.AlreadyEnded, await Host.Control.CancelAsync(before.Id, Cancellation));
        Assert.Null(await later.Claims.TryClaimAsync(before.Id, CancellationToken.None));
        await later.Reconciler.EndLeasesOfTheDeadAsync(Cancellation);
        await later.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equivalent(before, await Host.ReadAsync(before.Id), strict: true);
    }

    [Fact]
    public async Task CancelAsync_SaysSo_WhenThereIsNoSuchJob() =>
        Assert.Equal(CancelOutcome.NotFound, await Host.Control.CancelAsync(Guid.CreateVersion7(), Cancellation));

    [Fact]
    public async Task PositionAsync_CountsThoseInFront_InTheSameQueueOnly()
    {
        await Host.AddJobAsync(JobKind.Training);
        await Host.AddJobAsync(JobKind.Dataset);
        Host.Clock.Shift = TimeSpan.FromSeconds(1);
        var import = await Host.AddJobAsync(JobKind.ModelImport);
        Host.Clock.Shift = TimeSpan.FromSeconds(2);
        await Host.AddJobAsync(JobKind.Dataset);

        Assert.Equal(1, await Host.Control.PositionAsync(import, Cancellation));
    }
}

public sealed class SqliteJobControlTests : JobControlTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));
}

[Trait("Category", "services")]
public sealed class PostgresJobControlTests(PostgresFixture postgres) : JobControlTests
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
