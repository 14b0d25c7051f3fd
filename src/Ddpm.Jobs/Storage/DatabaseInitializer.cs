using Ddpm.Jobs.Accounts;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Ddpm.Jobs.Storage;

/// <summary>Brings the database up to date before anything else of the process starts. Safe when several processes do so at once.</summary>
public sealed partial class DatabaseInitializer(
    DdpmDbContextFactory databases, StorageOptions storage, ILogger<DatabaseInitializer> logger) : IHostedService
{
    private const int Attempts = 20;
    private const int LongestMigrationSeconds = 600;
    private const int LongestRestoreSeconds = 5; // of another process, which may hang: a reconciler has more to do, and comes again
    private const long AdvisoryLock = 0x6464_706d; // "ddpm"
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    /// <summary>Creates the database where there is none and applies the migrations it lacks, Hangfire's too.</summary>
    /// <remarks>A server that is still starting is waited for, about a minute and a half.</remarks>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await MigrateAsync(cancellationToken);
                await BuildModelAsync(cancellationToken);
                return;
            }
            catch (Exception reason) when (attempt < Attempts && IsWorthAnotherTry(reason))
            {
                LogRetry(attempt, Attempts, reason.Message);
                var pause = TimeSpan.FromMilliseconds(250 * Math.Pow(2, attempt - 1));
                await Task.Delay(pause < LongestPause ? pause : LongestPause, cancellationToken);
            }
        }
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Makes Hangfire's tables again where they are gone; a process that notices need not be started again for it.</summary>
    /// <param name="reason">What a use of them threw.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>False where this was not what is wrong.</returns>
    internal async Task<bool> RestoreHangfireAsync(Exception reason, CancellationToken cancellationToken)
    {
        if (!DatabaseErrors.IsMissingTable(reason))
            return false;
        await AloneAsync(
            guard =>
            {
                HangfireStorage.Install(guard);
                return Task.CompletedTask;
            },
            LongestRestoreSeconds,
            cancellationToken);
        LogRestored();
        return true;
    }

    private async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.CreateDbContext();
        if (storage.Provider == DatabaseProvider.Sqlite)
        {
            var file = new SqliteConnectionStringBuilder(storage.ConnectionString).DataSource;
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder)
                Directory.CreateDirectory(folder);
            await db.Database.MigrateAsync(cancellationToken);
            return;
        }

        var creator = db.GetService<IRelationalDatabaseCreator>();
        if (!await creator.ExistsAsync(cancellationToken))
            await creator.CreateAsync(cancellationToken);

        await AloneAsync(
            async guard =>
            {
                await db.Database.MigrateAsync(cancellationToken);
                HangfireStorage.Install(guard);
            },
            LongestMigrationSeconds,
            cancellationToken);
    }

    // Neither EF nor Hangfire survives a race for an empty schema by itself. The lock goes with the connection.
    private async Task AloneAsync(Func<NpgsqlConnection, Task> work, int patienceSeconds, CancellationToken cancellationToken)
    {
        await using var guard = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(storage.ConnectionString) { Pooling = false }.ConnectionString);
        await guard.OpenAsync(cancellationToken);
        await using (var take = new NpgsqlCommand("SELECT pg_advisory_lock($1)", guard) { Parameters = { new() { Value = AdvisoryLock } } })
        {
            take.CommandTimeout = patienceSeconds;
            await take.ExecuteNonQueryAsync(cancellationToken);
        }

        await work(guard);
        await using (var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", guard) { Parameters = { new() { Value = AdvisoryLock } } })
            await release.ExecuteNonQueryAsync(cancellationToken);
    }

    // EF Core builds the relational model at the first query, and not safely where two threads ask first. So it is built here, while
    // nothing else of the process runs.
    private async Task BuildModelAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.CreateDbContext();
        db.Model.GetRelationalModel();
        await using var ofAccount = databases.CreateDbContext(Account.Shared);
        ofAccount.Model.GetRelationalModel();
    }

    // Two processes may create the same database at once: the second is told that it, or its name, is there already.
    private static bool IsWorthAnotherTry(Exception exception) => DatabaseErrors.IsTransient(exception) || exception is PostgresException
    {
        SqlState: PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.ObjectInUse
            or PostgresErrorCodes.CannotConnectNow or PostgresErrorCodes.InvalidCatalogName,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Hangfire's tables were gone, and are made again; the jobs that wait will be enqueued again.")]
    private partial void LogRestored();

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database cannot be prepared yet (attempt {Attempt} of {Attempts}): {Reason}")]
    private partial void LogRetry(int attempt, int attempts, string reason);
}
