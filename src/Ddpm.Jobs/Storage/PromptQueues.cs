using System.Collections.Concurrent;
using System.Data;
using Ddpm.Jobs.Life;
using Hangfire.Logging;
using Hangfire.PostgreSql;
using Hangfire.Server;
using Hangfire.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's queues in PostgreSQL, whose waiting workers hear of a new job at once: one LISTEN for the process, told by every enqueuing one.</summary>
/// <remarks>
/// Hangfire's own way (<c>EnableLongPolling</c>) opens a connection and a LISTEN for every job that every worker waits for, and before a fetched job is begun
/// waits, without a limit, for that LISTEN to be given up: several round trips in which nothing is done.
/// A notification that is missed while LISTEN reconnects costs no more than <see cref="PostgreSqlStorageOptions.QueuePollInterval"/>.
/// </remarks>
#pragma warning disable CS0618 // Of PostgreSqlStorage, Hangfire runs the components only, not the processes that are to replace them.
internal sealed class PromptQueues(PostgreSqlStorage storage, PostgreSqlStorageOptions options, string connectionString) : IPersistentJobQueueProvider, IPersistentJobQueue, IServerComponent
#pragma warning restore CS0618
{
    /// <summary>Where it is told, in PostgreSQL, that a queue has a job more; the message is the queue's name.</summary>
    public const string Channel = "ddpm_job";

    private const int KeepAliveSeconds = 10;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, PostgreSqlJobQueue> _queues = [];
    private readonly Lock _listening = new();

    /// <summary>Waits for a job of a queue and takes it. One queue a server is assumed, as <see cref="Queues"/> says: a server of several is refused.</summary>
    public IFetchedJob Dequeue(string[] queues, CancellationToken cancellationToken)
    {
        var queue = QueueOf(queues.Single());
        for (var isTold = false; ; isTold = true)
        {
            try
            {
                var job = queue.Dequeue(queues, cancellationToken);
                queue.FetchNextJob(); // two jobs that come together are one signal: whoever wakes up wakes the next
                return job;
            }
            catch (Exception reason) when (DatabaseErrors.IsTransient(reason))
            {
                // Left to Hangfire it would be tried again after the square of so many failures in seconds: minutes, where the server was away for long.
                if (!isTold)
                    LogProvider.For<PromptQueues>().WarnException("The queue cannot be read; that is tried again every second.", reason);
                cancellationToken.WaitHandle.WaitOne(Pause);
            }
        }
    }

    /// <summary>Adds a job to a queue; whoever listens hears of it when the transaction is committed.</summary>
    public void Enqueue(IDbConnection connection, string queue, string jobId)
    {
        using var command = new NpgsqlCommand(
            $"WITH added AS (INSERT INTO {HangfireStorage.Schema}.jobqueue (jobid, queue) VALUES ($1, $2) RETURNING queue) SELECT pg_notify('{Channel}', queue) FROM added",
            (NpgsqlConnection)connection)
        {
            Parameters =
            {
                new() { Value = long.Parse(jobId, System.Globalization.CultureInfo.InvariantCulture) },
                new() { Value = queue, NpgsqlDbType = NpgsqlDbType.Text },
            },
        };
        command.ExecuteNonQuery();
    }

    public IPersistentJobQueue GetJobQueue() => this;

    public IPersistentJobQueueMonitoringApi GetJobQueueMonitoringApi() => new Monitoring(new PostgreSqlJobQueueProvider(storage, options).GetJobQueueMonitoringApi());

    /// <summary>Listens until the server stops. Every server of the process runs this; the first of them listens for all.</summary>
    public void Execute(CancellationToken cancellationToken)
    {
        if (!_listening.TryEnter(Pause))
            return; // it is called again
        try
        {
            // One that was cut off without a word would listen for ever. Nobody is to get it afterwards: it still listens.
            using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { KeepAlive = KeepAliveSeconds, Pooling = false }.ConnectionString);
            connection.Notification += (_, heard) => QueueOf(heard.Payload).FetchNextJob();
            connection.Open();
            using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
                listen.ExecuteNonQuery();
            foreach (var queue in _queues.Values)
                queue.FetchNextJob(); // what came while nobody listened
            // Without a limit: a wait shorter than the pause between two signs of life would give none. On this thread, which holds the lock.
            while (!cancellationToken.IsCancellationRequested)
                connection.WaitAsync(cancellationToken).GetAwaiter().GetResult();
        }
        finally
        {
            _listening.Exit();
        }
    }

    public override string ToString() => "listener for new jobs";

    private PostgreSqlJobQueue QueueOf(string name) => _queues.GetOrAdd(name, _ => new PostgreSqlJobQueue(storage));

    // Hangfire's default provider names all queues already.
    private sealed class Monitoring(IPersistentJobQueueMonitoringApi all) : IPersistentJobQueueMonitoringApi
    {
        public IEnumerable<string> GetQueues() => [];

        public IEnumerable<long> GetEnqueuedJobIds(string queue, int from, int perPage) => all.GetEnqueuedJobIds(queue, from, perPage);

        public IEnumerable<long> GetFetchedJobIds(string queue, int from, int perPage) => all.GetFetchedJobIds(queue, from, perPage);

        public EnqueuedAndFetchedCountDto GetEnqueuedAndFetchedCount(string queue) => all.GetEnqueuedAndFetchedCount(queue);
    }
}
