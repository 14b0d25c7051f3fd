using Ddpm.Jobs.Life;
using Hangfire;
using Hangfire.InMemory;
using Hangfire.PostgreSql;
using Hangfire.States;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's own state, beside our rows: in PostgreSQL where those are, else in memory. Losing it loses no work.</summary>
internal static class HangfireStorage
{
    public const string Schema = "hangfire";

    /// <summary>How long a lock counts at the most; it is taken for the milliseconds of a change of state.</summary>
    public static readonly TimeSpan LongestLock = TimeSpan.FromSeconds(10);

    /// <summary>States of a Hangfire job that is still to be run, or is being run.</summary>
    public static readonly string[] CarryingStates = [EnqueuedState.StateName, ProcessingState.StateName, ScheduledState.StateName, AwaitingState.StateName];

    public static JobStorage Create(StorageOptions storage) => storage.Provider switch
    {
        DatabaseProvider.Postgres => CreatePostgres(storage.ConnectionString),

        // Ids of an earlier process must not come up again: rows still hold them.
        _ => new InMemoryStorage(new InMemoryStorageOptions { IdType = InMemoryStorageIdType.Guid }),
    };

    /// <summary>Makes or updates Hangfire's tables. The caller holds a lock: several at once would fail.</summary>
    public static void Install(NpgsqlConnection connection) => PostgreSqlObjectsInstaller.Install(connection, Schema);

    /// <summary>Rows of ours in PostgreSQL that wait though no Hangfire job carries them; found in one statement, however many wait.</summary>
    /// <remarks>The argument is compared too: after a loss of Hangfire's tables its numbers start again at one.</remarks>
    public static IQueryable<Job> NotCarried(DdpmDbContext db) => db.Jobs.FromSql($"""
        SELECT j.* FROM "Jobs" j
        LEFT JOIN hangfire.job h ON h.id = CASE WHEN j."DispatchId" ~ '^[0-9]+$' THEN j."DispatchId"::bigint END
        WHERE j."Status" = 'Queued'
            AND (h.id IS NULL OR h.statename IS NULL OR h.statename <> ALL ({CarryingStates}) OR strpos(h.arguments::text, j."Id"::text) = 0)
        """);

    private static PromptStorage CreatePostgres(string connectionString)
    {
        var options = new PostgreSqlStorageOptions
        {
            // Our own queues do this, see PromptQueues.
            EnableLongPolling = false,
            // A NOTIFY that comes while LISTEN reconnects is missed.
            QueuePollInterval = TimeSpan.FromSeconds(1),
            // Without sliding, a job longer than the time-out would be delivered twice.
            UseSlidingInvisibilityTimeout = true,
            InvisibilityTimeout = TimeSpan.FromSeconds(30),
            // One that a killed process leaves, or whose deletion a crash of the server undoes, would for ten minutes hold up whoever is delivered that job, and the queue behind it; see
            // HangfireLocks too. One that is taken from a process that is merely slow does no harm: our rows decide who works.
            DistributedLockTimeout = LongestLock,
            // The storage is constructed before the database is made: DatabaseInitializer installs Hangfire's tables along with ours.
            PrepareSchemaIfNecessary = false,
            SchemaName = Schema,
            StartupConnectionMaxRetries = 10,
            AllowDegradedModeWithoutStorage = false,
        };
        return new PromptStorage(options, connectionString);
    }
}
