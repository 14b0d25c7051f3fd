using System.Diagnostics;

namespace Ddpm.Engine.Training;

/// <summary>Pictures a second over the latest steps, and the time that is left.</summary>
/// <param name="totalSteps">Of the whole run.</param>
/// <param name="limit">The run ends so long from now, if it has not ended before; null for no limit.</param>
internal sealed class Speed(long totalSteps, TimeSpan? limit)
{
    private readonly RecentMean _secondsPerStep = new(50);
    private readonly RecentMean _imagesPerStep = new(50);
    private readonly long _begun = Stopwatch.GetTimestamp();
    private long _started = Stopwatch.GetTimestamp();

    /// <summary>A step has ended.</summary>
    public TrainingProgress Record(long step, int images)
    {
        _secondsPerStep.Add(Stopwatch.GetElapsedTime(_started).TotalSeconds);
        _imagesPerStep.Add(images);
        var remaining = TimeSpan.FromSeconds((totalSteps - step) * _secondsPerStep.Value);
        if (limit - Stopwatch.GetElapsedTime(_begun) is { } left && left < remaining)
            remaining = left > TimeSpan.Zero ? left : TimeSpan.Zero;
        return new TrainingProgress(step, totalSteps, 0, 0, 0, 0, _imagesPerStep.Value / _secondsPerStep.Value, remaining);
    }

    /// <summary>The next step begins now: what came between does not count.</summary>
    public void Restart() => _started = Stopwatch.GetTimestamp();
}

/// <summary>The mean of the latest values.</summary>
internal sealed class RecentMean(int capacity)
{
    private readonly Queue<double> _values = new();

    public IReadOnlyList<double> Values => [.. _values];

    public double Value => _values.Count == 0 ? double.NaN : _values.Average();

    public void Add(double value)
    {
        _values.Enqueue(value);
        if (_values.Count > capacity)
            _values.Dequeue();
    }
}
