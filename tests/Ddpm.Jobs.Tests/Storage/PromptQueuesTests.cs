using System.Collections.Concurrent;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;
using Hangfire;
using Hangfire.States;
using Npgsql;
using HangfireJob = Hangfire.Common.Job;

namespace Ddpm.Jobs.Tests.Storage;

/// <summary>Hangfire's jobs reach those who wait for them.</summary>
[Trait("Category", "services")]
public sealed class PromptQueuesTests(PostgresFixture postgres) : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public async Task EveryJob_IsRunOnce_WhereSeveralServersAndWorkersWait()
    {
        var connectionString = await postgres.CreateDatabaseAsync();
        await using var enqueuer = await JobsHost.StartAsync(JobsHost.Postgres(_folder, connectionString));
        await using var worker = JobsHost.Create(JobsHost.Postgres(_folder, connectionString));
        using var sampling = Server(worker, Queues.Sampling, workers: 2);
        using var data = Server(worker, Queues.Data, workers: 1);
        var client = new BackgroundJobClient(enqueuer.Get<JobStorage>());
        var run = Guid.NewGuid().ToString("N");

        // One after the other, each as soon as the one before has been run: what signals them is given up and taken again at every one.
        for (var n = 0; n < 100; n++)
        {
            var job = $"{run} {n}";
            client.Create(HangfireJob.FromExpression(() => Errands.Run(job)), new EnqueuedState(n % 5 == 0 ? Queues.Data : Queues.Sampling));
            await Eventually.BecomesTrueAsync($"job {n} has run", () => Errands.Ran.Contains(job));
        }

        // And many together.
        Parallel.For(100, 200, n =>
        {
            var job = $"{run} {n}";
            client.Create(HangfireJob.FromExpression(() => Errands.Run(job)), new EnqueuedState(Queues.Sampling));
        });
        await Eventually.BecomesTrueAsync("all jobs have run", () => Errands.Ran.Count(job => job.StartsWith(run, StringComparison.Ordinal)) >= 200);
        Assert.Equal(200, Errands.Ran.Where(job => job.StartsWith(run, StringComparison.Ordinal)).Distinct().Count());

        Assert.Equal(1, await ListenersAsync(connectionString));
    }

    // What a worker in another process hears, which shares no memory with the one that enqueues.
    [Fact]
    public async Task Enqueuing_IsToldToWhoeverListens()
    {
        var connectionString = await postgres.CreateDatabaseAsync();
        await using var host = await JobsHost.StartAsync(JobsHost.Postgres(_folder, connectionString));
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using (var listen = new NpgsqlCommand("LISTEN ddpm_job", connection))
            await listen.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var heard = new List<string>();
        connection.Notification += (_, notification) => heard.Add(notification.Payload);

        foreach (var kind in Enum.GetValues<JobKind>())
        {
            heard.Clear();
            new BackgroundJobClient(host.Get<JobStorage>()).Create(HangfireJob.FromExpression(() => Errands.Run("never")), new EnqueuedState(Queues.Of(kind)));

            Assert.True(await connection.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
            Assert.Equal([Queues.Of(kind)], heard);
        }
    }

    // By a process that was killed in the middle of a change of state, or by a server that crashed and has forgotten the unlocking.
    [Fact]
    public async Task Lock_ThatNobodyHoldsAnyMore_DelaysItsJobForSeconds()
    {
        var connectionString = await postgres.CreateDatabaseAsync();
        await using var host = await JobsHost.StartAsync(JobsHost.Postgres(_folder, connectionString));
        var job = Guid.NewGuid().ToString("N");
        var number = new BackgroundJobClient(host.Get<JobStorage>()).Create(HangfireJob.FromExpression(() => Errands.Run(job)), new EnqueuedState(Queues.Sampling));
        using (var killed = host.Get<JobStorage>().GetConnection())
            _ = killed.AcquireDistributedLock($"job:{number}:state-lock", TimeSpan.Zero); // never released
        using var server = Server(host, Queues.Sampling, workers: 1);

        await Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(job, Errands.Ran); // the lock is one
        await Eventually.BecomesTrueAsync("the job has run", () => Errands.Ran.Contains(job), TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Dashboard_ShowsAQueueOnce()
    {
        await using var host = await JobsHost.StartAsync(JobsHost.Postgres(_folder, await postgres.CreateDatabaseAsync()));
        var client = new BackgroundJobClient(host.Get<JobStorage>());
        client.Create(HangfireJob.FromExpression(() => Errands.Run("never")), new EnqueuedState(Queues.Sampling));

        var queue = Assert.Single(host.Get<JobStorage>().GetMonitoringApi().Queues());

        Assert.Equal((Queues.Sampling, 1), (queue.Name, queue.Length));
        Assert.Single(queue.FirstJobs);
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private static BackgroundJobServer Server(JobsHost host, string queue, int workers) =>
        // Not the process's activator, which belongs to whichever host was made last.
        new(new BackgroundJobServerOptions { Queues = [queue], WorkerCount = workers, ServerName = queue, Activator = new JobActivator() }, host.Get<JobStorage>());

    private static async Task<long> ListenersAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var count = new NpgsqlCommand("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'", connection);
        return (long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}

/// <summary>What the jobs of these tests do.</summary>
public static class Errands
{
    public static ConcurrentQueue<string> Ran { get; } = new();

    public static void Run(string job) => Ran.Enqueue(job);
}
