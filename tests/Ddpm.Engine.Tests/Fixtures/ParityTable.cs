using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Ddpm.Engine.Tests.Fixtures;

[assembly: AssemblyFixture(typeof(ParityTable))]

namespace Ddpm.Engine.Tests.Fixtures;

/// <summary>Collects what every comparison with the reference found, and writes it as a table where <c>DDPM_PARITY</c> names a file: see eng/parity.</summary>
public sealed class ParityTable : IDisposable
{
    private static readonly ConcurrentBag<Comparison> Comparisons = [];

    /// <summary>A comparison was made.</summary>
    /// <param name="caseName">The case's folder.</param>
    /// <param name="tensor">What was compared: what stands before its first dot is the run.</param>
    /// <param name="difference">The largest.</param>
    /// <param name="tolerance">What is allowed.</param>
    public static void Add(string caseName, string tensor, double difference, double tolerance) =>
        Comparisons.Add(new(caseName, tensor.Contains('.', StringComparison.Ordinal) ? tensor[..tensor.IndexOf('.', StringComparison.Ordinal)] : tensor, tensor, difference, tolerance));

    public void Dispose()
    {
        if (Environment.GetEnvironmentVariable("DDPM_PARITY") is not { Length: > 0 } path)
            return;
        var text = new StringBuilder(
            """
            # Parity with diffusers

            Every number of the reference (Hugging Face diffusers 0.40.0, float32 on a CPU; `tests/fixtures/README.md`, for sched_heun `make_heun.py` beside it) beside ours: for each run of a case the
            comparison that comes nearest to its tolerance, of as many as were made. The tolerances are measured, not chosen: ten times what the reference itself
            differs from itself in float64, in another memory layout or with other thread counts. Written by `eng/parity`, which runs the fixture tests.

            | case | run | comparisons | nearest to its tolerance | largest difference | tolerance |
            | --- | --- | ---: | --- | ---: | ---: |

            """);
        foreach (var run in Comparisons.GroupBy(comparison => (comparison.Case, comparison.Run)).OrderBy(run => run.Key.Case, StringComparer.Ordinal).ThenBy(run => run.Key.Run, StringComparer.Ordinal))
        {
            var nearest = run.OrderByDescending(comparison => comparison.Tolerance == 0 ? comparison.Difference : comparison.Difference / comparison.Tolerance)
                .ThenBy(comparison => comparison.Tensor, StringComparer.Ordinal).First();
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {run.Key.Case} | {run.Key.Run} | {run.Count()} | {nearest.Tensor} | {nearest.Difference:0.0e+0} | {nearest.Tolerance:0.0e+0} |");
        }

        File.WriteAllText(path, text.ToString());
    }

    private sealed record Comparison(string Case, string Run, string Tensor, double Difference, double Tolerance);
}
