using System.Diagnostics;

namespace Ddpm.Engine.Training;

/// <summary>Pictures a second over the latest steps, and the time that is left.</summary>
internal sealed class Speed(long totalSteps)
{
    private readonly RecentMean _secondsPerStep = new(50);
    private readonly RecentMean _imagesPerStep = new(50);
    private long _started = Stopwatch.GetTimestamp();

    /// <summary>A step has ended.</summary>
    public TrainingProgress Record(long step, int images)
    {
        _secondsPerStep.Add(Stopwatch.GetElapsedTime(_started).TotalSeconds);
        _imagesPerStep.Add(images);
        var remaining = TimeSpan.FromSeconds((totalSteps - step) * _secondsPerStep.Value);
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
