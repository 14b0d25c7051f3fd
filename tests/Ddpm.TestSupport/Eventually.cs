using System.Diagnostics;

namespace Ddpm.TestSupport;

/// <summary>Waits for something that happens in its own time.</summary>
public static class Eventually
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Returns as soon as the condition holds.</summary>
    /// <param name="what">The condition in words, for the message.</param>
    /// <param name="condition">Asked again and again.</param>
    /// <param name="limit">How long; a minute unless told otherwise, since the machine may be busy.</param>
    /// <param name="pause">Between two questions; 20 milliseconds unless told otherwise.</param>
    /// <exception cref="TimeoutException">It did not come to hold.</exception>
    public static async Task BecomesTrueAsync(string what, Func<Task<bool>> condition, TimeSpan? limit = null, TimeSpan? pause = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > (limit ?? Limit))
                throw new TimeoutException($"Waited {watch.Elapsed.TotalSeconds:0} s in vain for this: {what}.");
            await Task.Delay(pause ?? Pause);
        }
    }

    /// <summary>Returns what is looked for as soon as it is there, or null where it is not within a limit.</summary>
    public static async Task<T?> FindAsync<T>(Func<Task<T?>> look, TimeSpan limit)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(look);
        var watch = Stopwatch.StartNew();
        while (true)
        {
            if (await look() is { } found)
                return found;
            if (watch.Elapsed > limit)
                return null;
            await Task.Delay(Pause);
        }
    }

    /// <summary>Returns as soon as the condition holds.</summary>
    public static Task BecomesTrueAsync(string what, Func<bool> condition, TimeSpan? limit = null) =>
        BecomesTrueAsync(what, () => Task.FromResult(condition()), limit);
}
