using Ddpm.Faults.Clusters;
using Npgsql;

namespace Ddpm.Faults.Injection;

/// <summary>Jobs are delivered a second time, those that run and those that wait.</summary>
internal sealed class SecondDelivery : Fault
{
    public override string Name => "second delivery of the jobs that run or wait";

    public override string Recovery => "nothing is to happen";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        var delivered = await cluster.ExecuteAsync("""
            INSERT INTO hangfire.jobqueue (jobid, queue)
            SELECT "DispatchId"::bigint, CASE "Kind" WHEN 'Training' THEN 'training' WHEN 'Sampling' THEN 'sampling' WHEN 'Evaluation' THEN 'evaluation' ELSE 'data' END
            FROM "Jobs" WHERE "Status" IN ('Queued', 'Running') AND "DispatchId" ~ '^[0-9]+$' ORDER BY random() LIMIT 10
            """);
        return delivered > 0 ? new Injected(at) : null;
    }
}

/// <summary>The jobs that wait are locked by a process that is no more: killed in the middle of a change of state, or its unlocking undone by a crash of the server. Its clock was wrong by up to an hour.</summary>
internal sealed class LocksLeft : Fault
{
    private const string State = "hangfire:job:%:state-lock";

    public override string Name => "locks of Hangfire's jobs left by nobody";

    public override string Recovery => "nothing is to wait for them for long";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        var locked = await cluster.ExecuteAsync($"""
            INSERT INTO hangfire.lock (resource, acquired) SELECT replace('{State}', '%', "DispatchId"), now() + {random.Next(-3600, 3600)} * interval '1 second'
            FROM "Jobs" WHERE "Status" = 'Queued' AND "DispatchId" ~ '^[0-9]+$' ON CONFLICT DO NOTHING
            """);
        return locked > 0 ? new Injected(at) : null;
    }
}

/// <summary>Hangfire loses its queues, and nothing else: to it every job that waits is carried.</summary>
internal sealed class QueueLoss : Fault
{
    public override string Name => "Hangfire's queues emptied, nothing else";

    public override string Recovery => "until every job that waits is in its queue again";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var waiting = await DispatchLoss.WaitingAsync(cluster);
        if (waiting.Length == 0)
            return null;
        await DispatchLoss.ExecuteAsync(cluster, "TRUNCATE hangfire.jobqueue");
        var at = DateTime.UtcNow;
        await DispatchLoss.UntilNoneAsync(cluster, $"""SELECT "Id"::text FROM "Jobs" WHERE "Status" = 'Queued' AND "Id" IN ({waiting}) AND NOT EXISTS (SELECT FROM hangfire.jobqueue q WHERE q.jobid::text = "DispatchId")""");
        return new Injected(at, RecoveredIn: DateTime.UtcNow - at);
    }
}

/// <summary>Hangfire loses all that it knows.</summary>
/// <param name="tablesToo">Whether its tables go, too, instead of being emptied.</param>
internal sealed class DispatchLoss(bool tablesToo = false) : Fault
{
    public override string Name => tablesToo ? "Hangfire's schema dropped" : "Hangfire's tables emptied";

    public override string Recovery => "until every job that waits is carried again";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var waiting = await WaitingAsync(cluster);
        await ExecuteAsync(cluster, tablesToo ? "DROP SCHEMA hangfire CASCADE" : """
            DO $$ DECLARE name text; BEGIN
                FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'hangfire' AND tablename <> 'schema' LOOP
                    EXECUTE 'TRUNCATE hangfire.' || quote_ident(name) || ' CASCADE';
                END LOOP;
            END $$
            """);
        var at = DateTime.UtcNow;
        await UntilNoneAsync(cluster, "SELECT 'gone' WHERE to_regclass('hangfire.lock') IS NULL");
        if (waiting.Length > 0)
            await UntilNoneAsync(cluster, $"""SELECT "Id"::text FROM "Jobs" WHERE "Status" = 'Queued' AND "Id" IN ({waiting}) AND NOT EXISTS (SELECT FROM hangfire.job h WHERE h.id::text = "DispatchId")""");
        return new Injected(at, RecoveredIn: DateTime.UtcNow - at);
    }

    /// <summary>Ids of the jobs that wait, as a list of SQL; by id, since the clocks of processes are set here.</summary>
    internal static async Task<string> WaitingAsync(Cluster cluster) => string.Join(", ", await cluster.History.TextsAsync("""SELECT quote_literal("Id"::text) FROM "Jobs" WHERE "Status" = 'Queued'"""));

    /// <summary>Waits until a query gives no row.</summary>
    internal static async Task UntilNoneAsync(Cluster cluster, string query)
    {
        for (var limit = DateTime.UtcNow + TimeSpan.FromMinutes(2); (await cluster.History.TextsAsync(query)).Count > 0; await Task.Delay(TimeSpan.FromMilliseconds(200)))
        {
            if (DateTime.UtcNow > limit)
                throw new TimeoutException($"Jobs are still carried by nobody.\n{cluster.Describe()}");
        }
    }

    // A worker may be frozen with a lock in its hands: whoever waits for it behind a statement like this holds up all others meanwhile.
    internal static async Task ExecuteAsync(Cluster cluster, string sql)
    {
        for (var limit = DateTime.UtcNow + TimeSpan.FromMinutes(2); ; await Task.Delay(TimeSpan.FromSeconds(1)))
        {
            try
            {
                await cluster.ExecuteAsync($"SET lock_timeout = '1s'; {sql}");
                return;
            }
            catch (PostgresException held) when (held.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected && DateTime.UtcNow < limit)
            {
            }
        }
    }
}
