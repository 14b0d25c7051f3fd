using Hangfire;
using Hangfire.InMemory;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;

namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's own state, beside our rows: in PostgreSQL where those are, else in memory. Losing it loses no work.</summary>
internal static class HangfireStorage
{
    public static JobStorage Create(StorageOptions storage) => storage.Provider switch
    {
        DatabaseProvider.Postgres => CreatePostgres(storage.ConnectionString),

        // Ids of an earlier process must not come up again: rows still hold them.
        _ => new InMemoryStorage(new InMemoryStorageOptions { IdType = InMemoryStorageIdType.Guid }),
    };

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
            // Processes race to make an empty schema; those that lose must try again.
            StartupConnectionMaxRetries = 10,
            AllowDegradedModeWithoutStorage = false,
        };
        return new PostgreSqlStorage(new NpgsqlConnectionFactory(connectionString, options), options);
    }
}
