namespace Ddpm.Jobs.Storage;

/// <summary>Hangfire's locks that nobody gives back: a lock is a row, which a killed process leaves behind, and which a crash of the server brings back.</summary>
/// <remarks>Whoever waits for a lock tells by its own clock how old it is, from what the holder's clock showed: behind one that seems to come from the future a delivery, and the jobs behind
/// it, wait for a quarter of an hour. Here a lock is as old as this process has known it, and no clock that can be set has a say.</remarks>
internal sealed class HangfireLocks(PromptStorage storage, TimeProvider clock)
{
    private Dictionary<HangfireLock, long> _firstSeen = [];

    /// <summary>Deletes those that have been seen for longer than a lock is held. To be called again and again; not by several at once.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ReleaseLeftAsync(CancellationToken cancellationToken)
    {
        var held = await storage.LocksAsync(cancellationToken);
        var now = clock.GetTimestamp();
        _firstSeen = held.ToDictionary(one => one, one => _firstSeen.GetValueOrDefault(one, now));
        List<HangfireLock> left = [.. held.Where(one => clock.GetElapsedTime(_firstSeen[one], now) >= HangfireStorage.LongestLock)];
        return left.Count == 0 ? 0 : await storage.ReleaseAsync(left, cancellationToken);
    }
}

/// <summary>One time that somebody took a lock.</summary>
/// <param name="Resource">What is locked.</param>
/// <param name="Writer">The transaction that took it.</param>
internal readonly record struct HangfireLock(string Resource, string Writer);
