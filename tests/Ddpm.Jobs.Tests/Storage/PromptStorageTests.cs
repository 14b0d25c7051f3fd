using System.Data.Common;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Hangfire;
using Hangfire.Common;
using Hangfire.States;
using Microsoft.EntityFrameworkCore;
using HangfireJob = Hangfire.Common.Job;
using Job = Ddpm.Jobs.Life.Job;

namespace Ddpm.Jobs.Tests.Storage;

/// <summary>Rows are put into their queues many at a time, past Hangfire's client.</summary>
[Trait("Category", "services")]
public sealed class PromptStorageTests(PostgresFixture postgres) : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task Enqueuing_WritesWhatHangfireWrites()
    {
        await using var host = await StartAsync();
        var job = await host.AddJobAsync();
        var theirs = host.Get<IBackgroundJobClientV2>().Create(
            HangfireJob.FromExpression<ISamplingJob>(contract => contract.RunAsync(job.Id, CancellationToken.None)), new EnqueuedState(Queues.Sampling));

        await host.Dispatcher.EnqueueAsync([job], TestContext.Current.CancellationToken);

        Assert.NotEqual(theirs, job.DispatchId);
        Assert.Equal(await WrittenAsync(host, theirs), await WrittenAsync(host, job.DispatchId!));
        var ours = host.Get<JobStorage>().GetMonitoringApi().JobDetails(job.DispatchId); // as the dashboard reads it
        Assert.Equal((typeof(ISamplingJob), nameof(ISamplingJob.RunAsync)), (ours.Job.Type, ours.Job.Method.Name));
        Assert.Equal(job.Id, ours.Job.Args[0]);
        var state = Assert.Single(ours.History);
        Assert.Equal(EnqueuedState.StateName, state.StateName);
        Assert.InRange(JobHelper.DeserializeDateTime(state.Data["EnqueuedAt"]), DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow.AddMinutes(5));
        Assert.InRange(state.CreatedAt, DateTime.UtcNow.AddMinutes(-5), DateTime.UtcNow.AddMinutes(5));
    }

    [Fact]
    public async Task Rows_AreDeliveredInTheirOrder_EachFromItsQueue()
    {
        await using var host = await StartAsync();
        var jobs = new List<Job>();
        for (var n = 0; n < 60; n++)
            jobs.Add(await host.AddJobAsync(n % 3 == 0 ? JobKind.Dataset : JobKind.Sampling));

        await host.Dispatcher.EnqueueAsync(jobs, TestContext.Current.CancellationToken);

        using var connection = host.Get<JobStorage>().GetConnection();
        foreach (var kind in new[] { JobKind.Dataset, JobKind.Sampling })
        {
            foreach (var job in jobs.Where(job => job.Kind == kind))
            {
                using var delivered = connection.FetchNextJob([Queues.Of(kind)], TestContext.Current.CancellationToken);
                Assert.Equal(job.DispatchId, delivered.JobId);
                Assert.Equal(job.Id, connection.GetJobData(delivered.JobId).Job.Args[0]);
                delivered.RemoveFromQueue();
            }
        }

        foreach (var job in jobs)
            Assert.Equal(job.DispatchId, (await host.ReadAsync(job.Id)).DispatchId);
    }

    [Fact]
    public async Task Queues_ThatWereEmptied_AreFilledAgain_AndOnlyWhereSomethingIsMissing()
    {
        await using var host = await StartAsync();
        List<Job> jobs = [await host.AddJobAsync(JobKind.Dataset), await host.AddJobAsync(), await host.AddJobAsync(), await host.AddJobAsync()];
        await host.Dispatcher.EnqueueAsync(jobs, TestContext.Current.CancellationToken);
        host.Get<IBackgroundJobClientV2>().ChangeState(jobs[3].DispatchId, new SucceededState(null, 0, 0), null);
        await using (var db = host.Open())
        {
            await db.Database.ExecuteSqlAsync($"UPDATE hangfire.job SET statename = {ProcessingState.StateName} WHERE id::text = {jobs[2].DispatchId}", TestContext.Current.CancellationToken);
            await db.Database.ExecuteSqlAsync($"DELETE FROM hangfire.jobqueue WHERE jobid::text <> {jobs[1].DispatchId}", TestContext.Current.CancellationToken);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken)));

        foreach (var job in jobs.Take(3))
        {
            Assert.Equal([Queues.Of(job.Kind)], await QueuesAsync(host, job.DispatchId!));
            Assert.Equal(job.DispatchId, (await host.ReadAsync(job.Id)).DispatchId); // by what carried it before
        }

        Assert.Empty(await QueuesAsync(host, jobs[3].DispatchId!));
    }

    [Fact]
    public async Task Locks_ThatNobodyGivesBack_AreReleased_WhateverTheClockOfWhoeverTookThemShowed()
    {
        await using var host = await StartAsync();
        host.Clock.IsStopped = true;
        await ExecuteAsync(host, "INSERT INTO hangfire.lock (resource, acquired) VALUES ('from the future', now() + interval '1 hour'), ('taken again', now())");
        await host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
        await ExecuteAsync(host, "DELETE FROM hangfire.lock WHERE resource = 'taken again'; INSERT INTO hangfire.lock (resource, acquired) VALUES ('taken again', now())");

        host.Clock.Passed += HangfireStorage.LongestLock / 2;
        await host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["from the future", "taken again"], await LocksAsync(host));
        host.Clock.Passed += HangfireStorage.LongestLock / 2;
        await host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["taken again"], await LocksAsync(host));
    }

    [Fact]
    public async Task Row_ThatWaitsNoMore_OrThatSomethingElseCarriesByNow_IsLeftAsItIs()
    {
        await using var host = await StartAsync();
        var (cancelled, carried, waiting) = (await host.AddJobAsync(), await host.AddJobAsync(), await host.AddJobAsync());
        await using (var db = host.Open())
        {
            await db.Jobs.Where(job => job.Id == cancelled.Id).ExecuteUpdateAsync(set => set.SetProperty(job => job.Status, JobStatus.Cancelled), TestContext.Current.CancellationToken);
            await db.Jobs.Where(job => job.Id == carried.Id).ExecuteUpdateAsync(set => set.SetProperty(job => job.DispatchId, "another"), TestContext.Current.CancellationToken);
        }

        await host.Dispatcher.EnqueueAsync([cancelled, carried, waiting], TestContext.Current.CancellationToken);

        Assert.Null((await host.ReadAsync(cancelled.Id)).DispatchId);
        Assert.Equal("another", (await host.ReadAsync(carried.Id)).DispatchId);
        Assert.Equal(waiting.DispatchId, (await host.ReadAsync(waiting.Id)).DispatchId);
        Assert.Equal(1, Length(host));
    }

    [Fact]
    public async Task Rows_ThatSeveralProcessesEnqueueAtOnce_AreCarriedOnce()
    {
        await using var host = await StartAsync();
        var jobs = new List<Job>();
        for (var n = 0; n < 100; n++)
            jobs.Add(await host.AddJobAsync());
        List<Job>[] copies = [.. Enumerable.Range(0, 8).Select(_ => jobs.Select(job => new Job { Id = job.Id, Kind = job.Kind, CreatedAt = job.CreatedAt }).ToList())];
        foreach (var copy in copies.Where((_, n) => n % 2 == 1))
            copy.Reverse(); // as rows come in, and as they were asked for

        await Task.WhenAll(copies.Select(copy => Task.Run(() => host.Dispatcher.EnqueueOrThrowAsync(copy, TestContext.Current.CancellationToken))));

        Assert.Equal(100, Length(host));
        foreach (var job in jobs)
            Assert.Single(copies.Select(copy => copy.Single(other => other.Id == job.Id).DispatchId).OfType<string>(), (await host.ReadAsync(job.Id)).DispatchId);
    }

    [Fact]
    public async Task WhatTheOutboxHas_WhenTheProcessEnds_IsEnqueuedFirst_AndWhatComesAfterwardsToo()
    {
        await using var host = await StartAsync();
        var outbox = host.Get<JobOutbox>();
        List<Job> jobs = [];
        for (var n = 0; n < JobDispatcher.AtOnce + 20; n++)
            jobs.Add(await host.AddJobAsync());

        await Task.WhenAll(jobs.Select(outbox.AddAsync)); // more than it holds
        await outbox.StartAsync(TestContext.Current.CancellationToken);
        await outbox.StopAsync(TestContext.Current.CancellationToken);
        var late = await host.AddJobAsync();
        await outbox.AddAsync(late);

        Assert.Equal(jobs.Count + 1, Length(host));
        foreach (var job in jobs.Append(late))
            Assert.NotNull((await host.ReadAsync(job.Id)).DispatchId);
    }

    [Fact]
    public async Task WhatCannotBeEnqueued_IsTriedAgain_ByTheOutboxAndByTheReconciler()
    {
        await using var host = await StartAsync();
        var (forgotten, asked) = (await host.AddJobAsync(), await host.AddJobAsync());
        await ExecuteAsync(host, """
            CREATE FUNCTION hangfire.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused by a test'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON hangfire.jobqueue EXECUTE FUNCTION hangfire.refuse()
            """);
        var outbox = host.Get<JobOutbox>();
        await outbox.StartAsync(TestContext.Current.CancellationToken);

        await outbox.AddAsync(asked);
        await Assert.ThrowsAnyAsync<DbException>(() => host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken)); // so that its service does not wait for its next round
        Assert.Single(await host.Dispatcher.EnqueueAsync([forgotten], TestContext.Current.CancellationToken));
        await ExecuteAsync(host, "DROP TRIGGER refuse ON hangfire.jobqueue");

        await Eventually.BecomesTrueAsync("the outbox has tried again", async () => (await host.ReadAsync(asked.Id)).DispatchId is not null);
        Assert.Null((await host.ReadAsync(forgotten.Id)).DispatchId);
        await host.Reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
        Assert.NotNull((await host.ReadAsync(forgotten.Id)).DispatchId);
        Assert.Equal(2, Length(host));
        await outbox.StopAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private static async Task ExecuteAsync(JobsHost host, string sql)
    {
        await using var db = host.Open();
        await db.Database.ExecuteSqlRawAsync(sql, TestContext.Current.CancellationToken);
    }

    private static long Length(JobsHost host) => host.Get<JobStorage>().GetMonitoringApi().EnqueuedCount(Queues.Sampling);

    private static async Task<List<string>> LocksAsync(JobsHost host)
    {
        await using var db = host.Open();
        return await db.Database.SqlQuery<string>($"""SELECT resource AS "Value" FROM hangfire.lock ORDER BY resource""").ToListAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<List<string>> QueuesAsync(JobsHost host, string hangfireJob)
    {
        await using var db = host.Open();
        return await db.Database.SqlQuery<string>($"""SELECT queue AS "Value" FROM hangfire.jobqueue WHERE jobid::text = {hangfireJob}""").ToListAsync(TestContext.Current.CancellationToken);
    }

    // But for ids, times and what the caller's culture is.
    private static async Task<string> WrittenAsync(JobsHost host, string hangfireJob)
    {
        await using var db = host.Open();
        return await db.Database.SqlQuery<string>($"""
            SELECT jsonb_build_object(
                'job', to_jsonb(j) - 'id' - 'stateid' - 'createdat',
                'state', to_jsonb(s) #- ARRAY['id'] #- ARRAY['jobid'] #- ARRAY['createdat'] #- ARRAY['data', 'EnqueuedAt'],
                'parameters', (SELECT jsonb_object_agg(p.name, p.value) FROM hangfire.jobparameter p WHERE p.jobid = j.id AND p.name NOT IN ('CurrentCulture', 'CurrentUICulture')),
                'queue', to_jsonb(q) - 'id' - 'jobid')::text AS "Value"
            FROM hangfire.job j JOIN hangfire.state s ON s.id = j.stateid AND s.jobid = j.id JOIN hangfire.jobqueue q ON q.jobid = j.id
            WHERE j.id = {hangfireJob}::bigint
            """).SingleAsync(TestContext.Current.CancellationToken);
    }

    private async Task<JobsHost> StartAsync() => await JobsHost.StartAsync(JobsHost.Postgres(_folder, await postgres.CreateDatabaseAsync()));
}
