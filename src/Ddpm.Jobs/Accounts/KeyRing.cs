using System.Collections.Frozen;
using System.Security.Cryptography;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Accounts;

/// <summary>The keys as the database had them at most two seconds ago: a key that is revoked, or made, in another process counts here no later than that.</summary>
/// <remarks>While the database is away the keys that were known stay so: nobody can revoke one then, and whoever watches the service is told what is wrong with it.</remarks>
public sealed partial class KeyRing(IDbContextFactory<DdpmDbContext> databases, TimeProvider clock, ILogger<KeyRing> logger) : IDisposable
{
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250); // between two readings, however many keys come that are not known
    private static readonly TimeSpan UseInterval = TimeSpan.FromMinutes(5);

    private readonly SemaphoreSlim _reading = new(1);
    private Snapshot? _snapshot;
    private long _awayAt; // 0 for never

    /// <summary>Whether a key was ever made, also one that has ended since: from then on nobody is let in without.</summary>
    public async Task<bool> HasKeysAsync(CancellationToken cancellationToken) => (await ReadAsync(Age, cancellationToken)).ById.Count > 0;

    /// <summary>Whether a key is there that lets somebody in.</summary>
    public async Task<bool> HasActiveKeysAsync(CancellationToken cancellationToken) => (await ReadNowAsync(cancellationToken)).ById.Values.Any(IsActive);

    /// <summary>Looks a key up, by itself.</summary>
    /// <returns>The key's row; null where it is unknown, revoked or has expired.</returns>
    public async Task<ApiKey?> FindAsync(string key, CancellationToken cancellationToken)
    {
        if (!KeyText.IsOne(key))
            return null;
        var hash = KeyText.Hash(key);
        // The table is searched by the hash, in a time that may depend on it. That tells nothing: to choose the hash that is compared one would need the key to it.
        var name = Convert.ToHexStringLower(hash);
        var row = (await ReadAsync(Age, cancellationToken)).ByHash.GetValueOrDefault(name) ?? (await ReadNowAsync(cancellationToken)).ByHash.GetValueOrDefault(name);
        return row is not null && CryptographicOperations.FixedTimeEquals(Convert.FromHexString(row.Sha256), hash) ? await UsedAsync(row, cancellationToken) : null;
    }

    /// <summary>Looks a key up by its id.</summary>
    /// <returns>The key's row; null where it has been revoked or has expired.</returns>
    public async Task<ApiKey?> FindAsync(Guid id, CancellationToken cancellationToken) =>
        (await ReadAsync(Age, cancellationToken)).ById.GetValueOrDefault(id) is { } row ? await UsedAsync(row, cancellationToken) : null;

    /// <inheritdoc/>
    public void Dispose() => _reading.Dispose();

    private bool IsActive(ApiKey key) => key.RevokedAt is null && !(key.ExpiresAt <= clock.GetUtcNow().UtcDateTime);

    private async Task<Snapshot> ReadAsync(TimeSpan oldest, CancellationToken cancellationToken)
    {
        if (Known(oldest) is { } known)
            return known;
        await _reading.WaitAsync(cancellationToken);
        try
        {
            return Known(oldest) ?? await ReadAsync(cancellationToken);
        }
        catch (Exception away) when (_snapshot is not null && DatabaseErrors.IsTransient(away))
        {
            Volatile.Write(ref _awayAt, clock.GetTimestamp());
            return _snapshot;
        }
        finally
        {
            _reading.Release();
        }
    }

    private Snapshot? Known(TimeSpan oldest) =>
        _snapshot is { } known && (clock.GetElapsedTime(known.ReadAt) <= oldest || (Volatile.Read(ref _awayAt) is not 0 and var away && clock.GetElapsedTime(away) <= oldest)) ? known : null;

    // No older than the question, since the key may have been made a moment ago. Those who ask at once share one reading, and wait for it.
    private async Task<Snapshot> ReadNowAsync(CancellationToken cancellationToken)
    {
        var asked = clock.GetTimestamp();
        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_snapshot?.ReadAt > asked)
                return _snapshot;
            if (_snapshot is { } last && Pause - clock.GetElapsedTime(last.ReadAt) is var left && left > TimeSpan.Zero)
                await Task.Delay(left, clock, cancellationToken);
            return await ReadAsync(cancellationToken);
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task<Snapshot> ReadAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetTimestamp();
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return _snapshot = new(await db.ApiKeys.AsNoTracking().ToListAsync(cancellationToken), now);
    }

    private async Task<ApiKey?> UsedAsync(ApiKey key, CancellationToken cancellationToken)
    {
        if (!IsActive(key))
            return null;
        var now = clock.GetUtcNow().UtcDateTime;
        if (now - key.LastUsedAt < UseInterval)
            return key;
        key.LastUsedAt = now; // of the snapshot, so that of requests at once one writes
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            await db.ApiKeys.Where(row => row.Id == key.Id && (row.LastUsedAt == null || row.LastUsedAt < now - UseInterval)).ExecuteUpdateAsync(
                row => row.SetProperty(k => k.LastUsedAt, now), cancellationToken);
        }
#pragma warning disable CA1031 // Whatever went wrong, who calls is known; the next request writes it.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogUnwritten(reason, key.Prefix);
        }

        return key;
    }

    [LoggerMessage(LogLevel.Warning, "That the key {Prefix} was used could not be written down")]
    private partial void LogUnwritten(Exception exception, string prefix);

    private sealed record Snapshot(IReadOnlyDictionary<string, ApiKey> ByHash, IReadOnlyDictionary<Guid, ApiKey> ById, long ReadAt)
    {
        public Snapshot(IReadOnlyList<ApiKey> keys, long readAt)
            : this(keys.ToFrozenDictionary(key => key.Sha256), keys.ToFrozenDictionary(key => key.Id), readAt)
        {
        }
    }
}
