using Hangfire;
using Hangfire.InMemory;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;
using Npgsql;

namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's own state, beside our rows: in PostgreSQL where those are, else in memory. Losing it loses no work.</summary>
internal static class HangfireStorage
{
    private const string Schema = "hangfire";

    public static JobStorage Create(StorageOptions storage) => storage.Provider switch
    {
        DatabaseProvider.Postgres => CreatePostgres(storage.ConnectionString),

        // Ids of an earlier process must not come up again: rows still hold them.
        _ => new InMemoryStorage(new InMemoryStorageOptions { IdType = InMemoryStorageIdType.Guid }),
    };

    /// <summary>Makes or updates Hangfire's tables. The caller holds a lock: several at once would fail.</summary>
    public static void Install(NpgsqlConnection connection) => PostgreSqlObjectsInstaller.Install(connection, Schema);

    private static PostgreSqlStorage CreatePostgres(string connectionString)
    {
        var options = new PostgreSqlStorageOptions
        {
            // NOTIFY is sent only by processes that set this themselves: with it in both, pick-up takes 19 ms (p50), else 6 s.
            EnableLongPolling = true,
            // A NOTIFY that comes while LISTEN reconnects is missed.
            QueuePollInterval = TimeSpan.FromSeconds(1),
            // Without sliding, a job longer than the time-out would be delivered twice.
            UseSlidingInvisibilityTimeout = true,
            InvisibilityTimeout = TimeSpan.FromSeconds(30),
            // The storage is constructed before the database is made: DatabaseInitializer installs Hangfire's tables along with ours.
            PrepareSchemaIfNecessary = false,
            SchemaName = Schema,
            StartupConnectionMaxRetries = 10,
            AllowDegradedModeWithoutStorage = false,
        };
        return new PostgreSqlStorage(new NpgsqlConnectionFactory(connectionString, options), options);
    }
}
