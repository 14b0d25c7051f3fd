using System.Data.Common;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;
using Ddpm.Jobs.Workers;
using Ddpm.TestSupport;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Ddpm.Jobs.Tests.Life;

public abstract class LeaseTests : JobsTests
{
    private static readonly TimeSpan LongAfterTheLease = TimeSpan.FromMinutes(5);

    [Fact]
    public async Task TryClaimAsync_GivesTheJobToOne_WhenManyTryAtOnce()
    {
        var other = await AnotherHostAsync();
        var job = await Host.AddJobAsync();
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var tries = Enumerable.Range(0, 12).Select(i => Task.Run(async () =>
        {
            await start.Task;
            return await (i % 2 == 0 ? Host : other).Claims.TryClaimAsync(job.Id, CancellationToken.None);
        })).ToArray();
        start.SetResult();

        var lease = Assert.Single((await Task.WhenAll(tries)).OfType<JobLease>());

        lease.Dispose();
        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Running, 1L, 0), (row.Status, row.LeaseEpoch, row.LostLeases));
    }

    [Fact]
    public async Task Fail_EndsTheJob_WhateverItsMessageQuotes()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);

        lease.Fail("'a\0b\ud83d' is no picture.");

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Failed, "'a\uFFFDb\uFFFD' is no picture."), (row.Status, row.Error));
    }

    [Fact]
    public async Task Succeed_WritesNamesOfFiles_WhateverTheyHold()
    {
        var run = await Host.AddTrainingRunAsync();
        using var lease = await Host.ClaimAsync(run.JobId);

        lease.Succeed(db =>
        {
            var dataset = db.Datasets.Single();
            (dataset.Skipped, dataset.Classes) = ([new SkippedFile("a\0b", "no picture")], [new DatasetClass("\0", 1)]);
        });

        await using var db = Host.Open();
        var row = await db.Datasets.SingleAsync(Cancellation);
        Assert.Equal(("a\uFFFDb", "\uFFFD"), (row.Skipped.Single().Name, row.Classes.Single().Name));
    }

    [Fact]
    public async Task IsBrokenReference_TellsARowThatRefersToNone()
    {
        var run = await Host.AddTrainingRunAsync();
        await using var db = Host.Open();
        var deletion = await Assert.ThrowsAnyAsync<DbException>(() => db.Datasets.ExecuteDeleteAsync(Cancellation));
        db.Add(new TrainingRun { Id = Guid.CreateVersion7(), JobId = run.JobId, DatasetId = Guid.CreateVersion7(), Name = "run", Spec = new TrainingSpec() });
        var insertion = await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync(Cancellation));
        db.ChangeTracker.Clear();
        db.Add(new Job { Id = run.JobId, Kind = JobKind.Training, CreatedAt = DateTime.UtcNow });
        var other = await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync(Cancellation));
        Assert.Equal((true, true, false), (DatabaseErrors.IsBrokenReference(deletion), DatabaseErrors.IsBrokenReference(insertion), DatabaseErrors.IsBrokenReference(other)));
    }

    [Theory]
    [InlineData(JobStatus.Succeeded)]
    [InlineData(JobStatus.Failed)]
    [InlineData(JobStatus.Cancelled)]
    public async Task TryClaimAsync_GivesNothing_WhenTheJobHasEnded(JobStatus status)
    {
        var job = await Host.AddJobAsync(status: status);

        Assert.Null(await Host.Claims.TryClaimAsync(job.Id, CancellationToken.None));
        Assert.Equal(status, (await Host.ReadAsync(job.Id)).Status);
    }

    [Fact]
    public async Task TryClaimAsync_TakesTheJobOver_WhenTheLeaseHasRunOut()
    {
        var job = await Host.AddJobAsync();
        using var first = await Host.ClaimAsync(job.Id);
        var later = await AnotherHostAsync(LongAfterTheLease);

        using var second = await later.ClaimAsync(job.Id);

        Assert.Equal((1, 2), (first.Epoch, second.Epoch));
        Assert.Equal(1, (await Host.ReadAsync(job.Id)).LostLeases);
    }

    [Fact]
    public async Task Keeper_RenewsTheLease_WhileTheWorkGoesOn()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);
        var first = (await Host.ReadAsync(job.Id)).LeaseExpiresAt;

        await Eventually.BecomesTrueAsync("the lease is renewed", async () => (await Host.ReadAsync(job.Id)).LeaseExpiresAt > first);
    }

    [Fact]
    public async Task Stop_IsSignalled_WhenAnotherWorkerHasTakenTheJob()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);
        var later = await AnotherHostAsync(LongAfterTheLease);

        using var thief = await later.ClaimAsync(job.Id);
        await Eventually.BecomesTrueAsync("the loss is seen", () => lease.Stop.IsCancellationRequested);

        Assert.Equal(StopReason.LeaseLost, lease.StopReason);
    }

    [Fact]
    public async Task Write_InsertsNothing_WhenTheLeaseWasLost()
    {
        var run = await Host.AddTrainingRunAsync();
        using var stale = await Host.ClaimAsync(run.JobId);
        var later = await AnotherHostAsync(LongAfterTheLease);
        using var current = await later.ClaimAsync(run.JobId);

        Assert.Throws<LeaseLostException>(() => stale.Write(db => db.Add(Metric(run.Id, step: 1))));
        current.Write(db => db.Add(Metric(run.Id, step: 2)));

        await using var db = Host.Open();
        Assert.Equal(2, (await db.TrainingMetrics.SingleAsync(Cancellation)).Step);
    }

    [Fact]
    public async Task EveryEnd_ChangesNothing_WhenTheLeaseWasLost()
    {
        var job = await Host.AddJobAsync();
        using var stale = await Host.ClaimAsync(job.Id);
        var later = await AnotherHostAsync(LongAfterTheLease);
        using var current = await later.ClaimAsync(job.Id);
        current.Progress = 0.5;
        await Eventually.BecomesTrueAsync("the progress is in the row", async () => (await Host.ReadAsync(job.Id)).Progress == 0.5);

        Assert.All<Action>(
            [() => stale.Succeed(_ => { }), () => stale.Fail("no"), stale.Cancel, stale.HandBack, () => stale.Write(_ => { })],
            end => Assert.Throws<LeaseLostException>(end));

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Running, 2L, 0.5, null), (row.Status, row.LeaseEpoch, row.Progress, row.Error));
    }

    [Fact]
    public async Task Write_KeepsNothing_WhenTheChangeFailsHalfWay()
    {
        var run = await Host.AddTrainingRunAsync();
        using var lease = await Host.ClaimAsync(run.JobId);

        Assert.Throws<InvalidOperationException>(() => lease.Write(db =>
        {
            db.Add(Metric(run.Id, step: 1));
            db.SaveChanges();
            throw new InvalidOperationException("half-way");
        }));

        await using var db = Host.Open();
        Assert.Empty(await db.TrainingMetrics.ToListAsync(Cancellation));
    }

    [Fact]
    public async Task Succeed_EndsTheJobForGood_WithItsResult()
    {
        var run = await Host.AddTrainingRunAsync();
        using var lease = await Host.ClaimAsync(run.JobId);

        lease.Succeed(db => db.Add(Metric(run.Id, step: 1)));

        Assert.Throws<LeaseLostException>(() => lease.Fail("too late"));
        var row = await Host.ReadAsync(run.JobId);
        Assert.Equal((JobStatus.Succeeded, 1.0, null, null), (row.Status, row.Progress, row.Error, row.LeaseExpiresAt));
        Assert.NotNull(row.EndedAt);
    }

    [Fact]
    public async Task HandBack_LetsAnotherWorkerGoOn_UnderAHigherEpoch()
    {
        var job = await Host.AddJobAsync();
        using (var lease = await Host.ClaimAsync(job.Id))
            lease.HandBack();
        Assert.Equal(JobStatus.Queued, (await Host.ReadAsync(job.Id)).Status);

        using var next = await Host.ClaimAsync(job.Id);

        Assert.Equal((2, 0), (next.Epoch, next.Job.LostLeases));
    }

    [Fact]
    public async Task GiveUp_PutsTheJobBackAtTheNextRound_AsOneWhoseWorkerDied()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);

        lease.GiveUp();
        await Host.Reconciler.ReconcileAsync(Cancellation);

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Queued, 1), (row.Status, row.LostLeases));
        using var next = await Host.ClaimAsync(job.Id);
        Assert.Throws<LeaseLostException>(() => lease.Fail("too late"));
    }

    [Fact]
    public async Task HandBack_EndsTheJob_WhenItIsToBeCancelled()
    {
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimAsync(job.Id);
        await Host.Control.CancelAsync(job.Id, Cancellation);

        lease.HandBack();

        var row = await Host.ReadAsync(job.Id);
        Assert.Equal((JobStatus.Cancelled, null), (row.Status, row.LeaseExpiresAt));
        Assert.NotNull(row.EndedAt);
    }

    [Fact]
    public async Task Stop_IsSignalled_WhenTheProcessShutsDown()
    {
        using var shutdown = new CancellationTokenSource();
        var job = await Host.AddJobAsync();
        using var lease = await Host.ClaimUntilAsync(job.Id, shutdown.Token);

        await shutdown.CancelAsync();

        Assert.True(lease.Stop.IsCancellationRequested);
        Assert.Equal(StopReason.Shutdown, lease.StopReason);
    }

    private protected static TrainingMetric Metric(Guid runId, long step) => new()
    {
        TrainingRunId = runId,
        Step = step,
        Epoch = 0.1,
        Loss = 1,
        LearningRate = 1e-4,
        GradNorm = 1,
        ImagesPerSecond = 10,
        At = DateTime.UtcNow,
    };
}

public sealed class SqliteLeaseTests : LeaseTests
{
    // The connection breaks after the commit: what was written is found to be one's own, and not another's who took the job.
    [Theory, InlineData(JobStatus.Queued), InlineData(JobStatus.Succeeded), InlineData(JobStatus.Failed), InlineData(JobStatus.Cancelled)]
    public async Task EveryEnd_KnowsItsOwnCommit_WhenTheAnswerIsLost(JobStatus end)
    {
        var job = await Host.AddJobAsync();
        var answers = new LostAnswers();
        var claims = new JobClaims(
            new ContextsThat(answers, Host.Get<StorageOptions>()), Host.Get<WorkerIdentity>(), Host.Get<IOptions<LeaseOptions>>(), Host.Clock, Host.Get<JobMetrics>(), NullLogger<JobLease>.Instance);
        using var lease = await claims.TryClaimAsync(job.Id, CancellationToken.None);
        answers.AreLost = true;

        Action act = end switch
        {
            JobStatus.Queued => lease!.HandBack,
            JobStatus.Succeeded => () => lease!.Succeed(_ => { }),
            JobStatus.Failed => () => lease!.Fail("reason"),
            _ => lease!.Cancel,
        };
        act();

        Assert.False(answers.AreLost);
        Assert.Equal((end, 1L), ((await Host.ReadAsync(job.Id)).Status, (await Host.ReadAsync(job.Id)).LeaseEpoch));
        Assert.NotEqual(StopReason.LeaseLost, lease!.StopReason);
    }

    private sealed class ContextsThat(LostAnswers loses, StorageOptions storage) : IDbContextFactory<DdpmDbContext>
    {
        public DdpmDbContext CreateDbContext() => new SqliteDdpmDbContext(SqliteDdpmDbContext.Configure(storage.ConnectionString).AddInterceptors(loses).Options);
    }

    private sealed class LostAnswers : DbTransactionInterceptor
    {
        public bool AreLost { get; set; }

        public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData)
        {
            if (!AreLost)
                return;
            AreLost = false; // the next is heard
            throw new SqliteException("The answer was lost.", 5);
        }
    }

    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));
}

[Trait("Category", "services")]
public sealed class PostgresLeaseTests(PostgresFixture postgres) : LeaseTests
{
    [Theory, InlineData(-3600), InlineData(3600)]
    public async Task Leases_AreJudgedByTheDatabase_WhateverAWorkersClockSays(int secondsOff)
    {
        var off = await AnotherHostAsync();
        off.Clock.Shift = TimeSpan.FromSeconds(secondsOff);
        var (ours, theirs) = (await Host.AddJobAsync(), await Host.AddJobAsync());
        using var lease = await Host.ClaimAsync(ours.Id);
        using var held = await off.ClaimAsync(theirs.Id);
        await UntilRenewedAsync(theirs);
        off.Clock.Shift = -off.Clock.Shift; // it is set while the worker works
        await UntilRenewedAsync(theirs);

        Assert.Null(await off.Claims.TryClaimAsync(ours.Id, CancellationToken.None));
        Assert.Null(await Host.Claims.TryClaimAsync(theirs.Id, CancellationToken.None));
        await off.Reconciler.ReconcileAsync(Cancellation);
        await Host.Reconciler.ReconcileAsync(Cancellation);

        Assert.Equal((JobStatus.Running, 1L), ((await Host.ReadAsync(ours.Id)).Status, (await Host.ReadAsync(ours.Id)).LeaseEpoch));
        Assert.Equal((JobStatus.Running, 1L), ((await Host.ReadAsync(theirs.Id)).Status, (await Host.ReadAsync(theirs.Id)).LeaseEpoch));
    }

    // As EF hides it from the caller where a connection breaks while it releases a savepoint: what comes next is refused before it is sent, or would be sent outside of the transaction.
    [Fact]
    public async Task Write_IsTriedAgain_WhenTheConnectionBreaksAndNobodySaysSo()
    {
        var run = await Host.AddTrainingRunAsync();
        using var lease = await Host.ClaimAsync(run.JobId);
        var tries = 0;

        lease.Write(db =>
        {
            Assert.False(db.Database.AutoSavepointsEnabled);
            db.Add(Metric(run.Id, step: 1));
            db.SaveChanges();
            if (tries++ == 0)
                Break(db);
            db.Jobs.Where(job => job.Id == run.JobId).ExecuteUpdate(set => set.SetProperty(job => job.LostLeases, 0));
        });

        Assert.Equal(2, tries);
        await using var after = Host.Open();
        Assert.Equal(1, await after.TrainingMetrics.CountAsync(Cancellation));
    }

    private void Break(DdpmDbContext db)
    {
        using var other = Host.Open();
        other.Database.ExecuteSql($"SELECT pg_terminate_backend({((NpgsqlConnection)db.Database.GetDbConnection()).ProcessID})");
        Assert.ThrowsAny<Exception>(() => db.Database.ExecuteSqlRaw("SELECT 1"));
    }

    private async Task UntilRenewedAsync(Job job)
    {
        var before = (await Host.ReadAsync(job.Id)).LeaseExpiresAt;
        await Eventually.BecomesTrueAsync("the lease is renewed", async () => (await Host.ReadAsync(job.Id)).LeaseExpiresAt > before);
    }

    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
