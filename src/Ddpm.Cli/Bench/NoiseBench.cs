using System.Runtime.Intrinsics.X86;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Bench;

/// <summary>How fast one core makes normal noise.</summary>
internal static class NoiseBench
{
    private const int Normals = 16 * 3 * 64 * 64; // sixteen pictures of 64×64, which stay in the second cache

    public static NoiseResult Run(TimeSpan time)
    {
        var noise = new float[Normals];
        var step = 0u;
        var seconds = Spread.OfSeconds(() => PhiloxNoise.Fill(seed: 1, image: 0, ++step, noise), time);
        var instructions = Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported && Fma.IsSupported ? "AVX2" : "one by one";
        return new(instructions, new(Normals / seconds.Median, Normals / seconds.High, Normals / seconds.Low, seconds.Count));
    }
}

/// <param name="Instructions">The widest that are used.</param>
/// <param name="NormalsPerSecond">On one core.</param>
internal sealed record NoiseResult(string Instructions, Spread NormalsPerSecond);
