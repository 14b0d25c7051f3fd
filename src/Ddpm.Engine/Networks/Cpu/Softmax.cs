using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>The part of softmax that concerns one row of scores.</summary>
internal static unsafe class Softmax
{
    /// <summary>Replaces scores s by e^(scale·(s − max)).</summary>
    /// <param name="scores">As many as padded.</param>
    /// <param name="count">Those that count.</param>
    /// <param name="padded">A multiple of 16.</param>
    /// <param name="scale">Above 0.</param>
    /// <returns>Their sum.</returns>
    public static float Exponentials(float* scores, int count, int padded, float scale)
    {
        for (var n = count; n < padded; n++)
            scores[n] = float.NegativeInfinity;
        var highest = Vector512.Create(float.NegativeInfinity);
        for (var n = 0; n < padded; n += 16)
            highest = Avx512F.Max(highest, Vector512.Load(scores + n));
        var max = float.NegativeInfinity;
        for (var lane = 0; lane < 16; lane++)
            max = MathF.Max(max, highest[lane]);
        var sum = Vector512<float>.Zero;
        for (var n = 0; n < padded; n += 16)
        {
            var value = VectorMath.Exp((Vector512.Load(scores + n) - Vector512.Create(max)) * scale);
            value.Store(scores + n);
            sum += value;
        }

        return Vector512.Sum(sum);
    }
}
