using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Bench;

/// <summary>How fast one core makes normal noise.</summary>
internal static class NoiseBench
{
    private const int Normals = 16 * 3 * 64 * 64; // sixteen pictures of 64×64, which stay in the second cache

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        var noise = new float[Normals];
        var step = 0u;
        var seconds = Repeated.Seconds(() => PhiloxNoise.Fill(seed: 1, image: 0, ++step, noise), options.CancellationToken);
        yield return BenchReport.Of([Bench.Measure.Of("normal noise, on one core", "million/s", [.. seconds.Select(value => Normals / value / 1e6)])]);
    }
}
