using System.Diagnostics;

namespace Ddpm.Cli.Bench;

/// <summary>What one thing, measured again and again, came to: the median, and what nine tenths lie above and below.</summary>
internal sealed record Spread(double Median, double Low, double High, int Count)
{
    public static Spread Of(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return new(At(sorted, 0.5), At(sorted, 0.1), At(sorted, 0.9), sorted.Length);
    }

    /// <summary>The value that so great a fraction of the sorted values does not exceed.</summary>
    public static double At(double[] sorted, double fraction) => sorted[Math.Clamp((int)Math.Ceiling(fraction * sorted.Length) - 1, 0, sorted.Length - 1)];

    /// <summary>Seconds of one run of <paramref name="work"/>, from runs of batches that each take some milliseconds.</summary>
    /// <param name="work">Compiled and warm after the first tenth of a second, which is not counted.</param>
    /// <param name="time">How long to measure.</param>
    public static Spread OfSeconds(Action work, TimeSpan time)
    {
        var (runs, warm) = (0, Stopwatch.StartNew());
        for (; runs < 3 || warm.ElapsedMilliseconds < 100; runs++)
            work();
        var each = warm.Elapsed.TotalSeconds / runs;
        var batch = Math.Max(1, (int)(0.002 / each));
        var (seconds, total) = (new List<double>(), Stopwatch.StartNew());
        while (seconds.Count < 5 || total.Elapsed < time)
        {
            var start = Stopwatch.GetTimestamp();
            for (var n = 0; n < batch; n++)
                work();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / batch);
        }
        return Of(seconds);
    }
}
