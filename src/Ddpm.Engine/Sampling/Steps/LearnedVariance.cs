using System.Numerics;
using System.Runtime.InteropServices;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>The variance that a network chose. Nichol &amp; Dhariwal 2021, eq. 15: v in [0, 1], here from the network's [-1, 1], goes from the one logarithm to the other.</summary>
internal static class LearnedVariance
{
    /// <summary>noise *= the deviation.</summary>
    /// <param name="v">The network's answer, -1 to 1.</param>
    /// <param name="logVariance">The logarithms between which it lies.</param>
    /// <param name="noise">As long as <paramref name="v"/>.</param>
    public static void Scale(ReadOnlySpan<float> v, (double Min, double Max) logVariance, Span<float> noise)
    {
        var (min, max) = ((float)logVariance.Min, (float)logVariance.Max);
        var shares = MemoryMarshal.Cast<float, Vector<float>>(v);
        var to = MemoryMarshal.Cast<float, Vector<float>>(noise);
        for (var at = 0; at < to.Length; at++)
        {
            var share = (shares[at] + Vector<float>.One) / new Vector<float>(2);
            to[at] *= Vector.Exp(((share * max) + ((Vector<float>.One - share) * min)) * 0.5f);
        }

        for (var at = to.Length * Vector<float>.Count; at < noise.Length; at++)
        {
            var share = (v[at] + 1) / 2;
            noise[at] *= MathF.Exp(((share * max) + ((1 - share) * min)) * 0.5f);
        }
    }
}
