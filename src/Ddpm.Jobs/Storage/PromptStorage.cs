using Ddpm.Jobs.Life;
using Hangfire.Common;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Hangfire.Server;
using Hangfire.States;
using Hangfire.Storage;
using Npgsql;
using NpgsqlTypes;
using HangfireJob = Hangfire.Common.Job;
using Job = Ddpm.Jobs.Life.Job;

namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's storage in PostgreSQL, with <see cref="PromptQueues"/>, and a way to put many rows of ours into their queues at once.</summary>
internal sealed class PromptStorage : PostgreSqlStorage
{
    // The order of the queue is that of the arguments. What is written is what Hangfire's client writes, but for the culture of whoever enqueues.
    private const string Enqueuing = $"""
        WITH wanted AS MATERIALIZED (
            SELECT w.*, nextval('{HangfireStorage.Schema}.job_id_seq') AS jobid, nextval('{HangfireStorage.Schema}.state_id_seq') AS stateid
            FROM unnest($1, $2, $3, $4, $5, $6) AS w(id, carrier, queue, call, arguments, state)
        ), held AS MATERIALIZED ( -- in one order, whoever else enqueues the same
            SELECT w.* FROM wanted w JOIN "Jobs" j ON j."Id" = w.id
            WHERE (j."Status" = 'Queued') IS TRUE AND j."DispatchId" IS NOT DISTINCT FROM w.carrier -- found by its id, never by its status
            ORDER BY w.id FOR NO KEY UPDATE OF j
        ), taken AS (
            UPDATE "Jobs" j SET "DispatchId" = h.jobid::text FROM held h
            WHERE j."Id" = h.id
            RETURNING h.*
        ), jobs AS (
            INSERT INTO {HangfireStorage.Schema}.job (id, stateid, statename, invocationdata, arguments, createdat)
            SELECT jobid, stateid, 'Enqueued', call::jsonb, arguments::jsonb, now() FROM taken
        ), states AS (
            INSERT INTO {HangfireStorage.Schema}.state (id, jobid, name, createdat, data) SELECT stateid, jobid, 'Enqueued', now(), state::jsonb FROM taken
        ), queued AS (
            INSERT INTO {HangfireStorage.Schema}.jobqueue (jobid, queue) SELECT jobid, queue FROM taken ORDER BY jobid
        )
        SELECT taken.id, taken.jobid::text FROM taken, pg_notify('{PromptQueues.Channel}', taken.queue)
        """;

    // One process after another: what waits for the lock sees what was put back before. State and queue entry are written together, and a state that ends a job before its entry goes.
    private const string Restoring = $"""
        SELECT pg_advisory_xact_lock(7232621); -- of this alone
        WITH restored AS (
            INSERT INTO {HangfireStorage.Schema}.jobqueue (jobid, queue)
            SELECT h.id, enqueued.data ->> 'Queue' FROM {HangfireStorage.Schema}.job h
            CROSS JOIN LATERAL (SELECT s.data FROM {HangfireStorage.Schema}.state s WHERE s.jobid = h.id AND s.name = 'Enqueued' ORDER BY s.id DESC LIMIT 1) AS enqueued
            WHERE h.statename IN ('Enqueued', 'Processing') AND NOT EXISTS (SELECT FROM {HangfireStorage.Schema}.jobqueue q WHERE q.jobid = h.id)
            ORDER BY h.id
            RETURNING queue
        )
        SELECT count(*), count(pg_notify('{PromptQueues.Channel}', queue)) FROM restored
        """;

    private const string Releasing = $"""
        DELETE FROM {HangfireStorage.Schema}.lock l USING unnest($1, $2) AS dead(resource, writer) WHERE l.resource = dead.resource AND l.xmin::text = dead.writer
        """;

    private readonly PromptQueues _queues;
    private readonly string _unprepared;

    public PromptStorage(PostgreSqlStorageOptions options, string connectionString)
        : base(new NpgsqlConnectionFactory(Relaxed(connectionString).ConnectionString, options), options)
    {
        _queues = new PromptQueues(this, options, connectionString);
        QueueProviders.Add(_queues, Queues.All);

        // Planned anew each time: a plan made while few rows wait would read all of many. A pool of its own, from which mostly the outbox takes one.
        var unprepared = Relaxed(connectionString);
        unprepared.MaxAutoPrepare = 0;
        _unprepared = unprepared.ConnectionString;
    }

    [Obsolete("As the method that it overrides.")]
    public override IEnumerable<IServerComponent> GetComponents() => [.. base.GetComponents(), _queues];

    /// <summary>Puts rows of ours that wait into their queues and notes in each what carries it (<see cref="Job.DispatchId"/>): one statement, however many they are.</summary>
    /// <remarks>
    /// Hangfire's client takes three transactions for each, and what it made and our note of it could part.
    /// A row that something else carries by now than it says, or that waits no more, is left as it is.
    /// </remarks>
    /// <param name="jobs">Rows as they were read, each with the call that a worker is to make.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task EnqueueAsync(IReadOnlyList<(Job Row, HangfireJob Call)> jobs, CancellationToken cancellationToken)
    {
        var calls = jobs.Select(job => InvocationData.SerializeJob(job.Call)).ToList();
        var states = jobs.Select(job => new EnqueuedState(Queues.Of(job.Row.Kind))).ToList();
        await using var connection = new NpgsqlConnection(_unprepared);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Enqueuing, connection)
        {
            Parameters =
            {
                new() { Value = jobs.Select(job => job.Row.Id).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid },
                Texts(jobs.Select(job => job.Row.DispatchId)),
                Texts(states.Select(state => state.Queue)),
                Texts(calls.Select(call => SerializationHelper.Serialize(call))),
                Texts(calls.Select(call => call.Arguments)),
                Texts(states.Select(state => SerializationHelper.Serialize(state.SerializeData()))),
            },
        };
        var rows = jobs.ToDictionary(job => job.Row.Id, job => job.Row);
        await using var taken = await command.ExecuteReaderAsync(cancellationToken);
        while (await taken.ReadAsync(cancellationToken))
            rows[taken.GetGuid(0)].DispatchId = taken.GetString(1);
    }

    /// <summary>Puts the queue entry of every Hangfire job that is enqueued, or being processed, back where it is missing: Hangfire would wait for its delivery for ever.</summary>
    /// <remarks>One that is being processed is delivered a second time, and finds its row claimed, or ended.</remarks>
    /// <returns>How many were missing.</returns>
    public async Task<long> RestoreQueuesAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(_unprepared);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Restoring, connection);
        await using var results = await command.ExecuteReaderAsync(cancellationToken);
        await results.NextResultAsync(cancellationToken); // past the lock's
        await results.ReadAsync(cancellationToken);
        return results.GetInt64(0);
    }

    /// <summary>The locks that are held at this moment.</summary>
    public async Task<List<HangfireLock>> LocksAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(_unprepared);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand($"SELECT resource, xmin::text FROM {HangfireStorage.Schema}.lock", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellationToken);
        List<HangfireLock> locks = [];
        while (await rows.ReadAsync(cancellationToken))
            locks.Add(new HangfireLock(rows.GetString(0), rows.GetString(1)));
        return locks;
    }

    /// <summary>Takes locks from whoever holds them; not where another has the same one by now.</summary>
    /// <returns>How many were still held so.</returns>
    public async Task<int> ReleaseAsync(IReadOnlyList<HangfireLock> locks, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(_unprepared);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(Releasing, connection) { Parameters = { Texts(locks.Select(one => one.Resource)), Texts(locks.Select(one => one.Writer)) } };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlParameter Texts(IEnumerable<string?> values) => new() { Value = values.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text };

    // Our rows are the truth, and the reconciler heals what a crash of the server takes of Hangfire's, and of what we note of it: nobody waits for its disk.
    private static NpgsqlConnectionStringBuilder Relaxed(string connectionString)
    {
        var settings = PostgresDdpmDbContext.Prepared(connectionString);
        settings.Options += " -c synchronous_commit=off";
        return settings;
    }
}
