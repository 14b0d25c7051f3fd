using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Storage;

/// <summary>Whether the database answers and is up to date.</summary>
/// <remarks>Anybody may ask, without a key and as often as they like; the database is asked once a second at most, and once at a time.</remarks>
public sealed partial class Readiness(IDbContextFactory<DdpmDbContext> databases, TimeProvider clock, ILogger<Readiness> logger)
{
    private static readonly TimeSpan Lasts = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private Task<string?>? _answer;
    private long _asked;

    /// <summary>What is missing, in words; null where nothing is.</summary>
    /// <param name="cancellationToken">Gives up waiting for the answer.</param>
    public Task<string?> WhatIsMissingAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_answer is null || (_answer.IsCompleted && clock.GetElapsedTime(_asked) >= Lasts))
            {
                _asked = clock.GetTimestamp();
                _answer = Task.Run(AskAsync, CancellationToken.None);
            }

            return _answer.WaitAsync(cancellationToken);
        }
    }

    private async Task<string?> AskAsync()
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync();
            var pending = (await db.Database.GetPendingMigrationsAsync()).Count();
            return pending == 0 ? null : $"The database lacks {pending} migrations; they are applied when a process starts.";
        }
#pragma warning disable CA1031 // Whatever keeps the database from answering, the process is not ready.
        catch (Exception reason)
#pragma warning restore CA1031
        {
            LogDatabaseDown(reason);
            return "The database does not answer; the server's log has the reason.";
        }
    }

    [LoggerMessage(LogLevel.Warning, "The database does not answer")]
    private partial void LogDatabaseDown(Exception exception);
}
