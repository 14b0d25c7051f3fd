using System.Diagnostics;

namespace Ddpm.Engine.Sampling;

/// <summary>Counts what sampling asks of a network. On a GPU its time is only that in which calls were begun.</summary>
public sealed class NetworkMeter
{
    private long _calls;
    private long _rows;
    private long _ticks;

    /// <summary>Calls made.</summary>
    public long Calls => Interlocked.Read(ref _calls);

    /// <summary>Pictures of all calls; a guided one counts twice.</summary>
    public long Rows => Interlocked.Read(ref _rows);

    /// <summary>Time within calls; of calls side by side, all of it.</summary>
    public TimeSpan Time => Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _ticks));

    internal void Count(long rows, long ticks)
    {
        Interlocked.Increment(ref _calls);
        Interlocked.Add(ref _rows, rows);
        Interlocked.Add(ref _ticks, ticks);
    }
}
