using System.Diagnostics;

namespace Ddpm.Cli.Bench;

/// <summary>Times something short again and again.</summary>
internal static class Repeated
{
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);

    /// <summary>Seconds of one run of <paramref name="work"/>, each from as many runs as take some milliseconds.</summary>
    /// <param name="work">Compiled and warm after the first tenth of a second, which is not counted.</param>
    /// <param name="cancellationToken">Looked at between values.</param>
    public static double[] Seconds(Action work, CancellationToken cancellationToken)
    {
        var (runs, warm) = (0, Stopwatch.StartNew());
        for (; runs < 3 || warm.ElapsedMilliseconds < 100; runs++)
            work();
        var batch = Math.Max(1, (int)(0.002 * runs / warm.Elapsed.TotalSeconds));
        var (seconds, total) = (new List<double>(), Stopwatch.StartNew());
        while (seconds.Count < 5 || total.Elapsed < Time)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var start = Stopwatch.GetTimestamp();
            for (var n = 0; n < batch; n++)
                work();
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds / batch);
        }

        return [.. seconds];
    }
}
