using System.Runtime.Intrinsics;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Rounds rows of float32 to bfloat16.</summary>
internal static unsafe class Rounding
{
    /// <param name="source">float32.</param>
    /// <param name="target">See <see cref="Bfloat16"/>.</param>
    /// <param name="count">A multiple of 16.</param>
    public static void ToBFloat16(float* source, ushort* target, int count)
    {
        for (var n = 0; n < count; n += 16)
            Bfloat16.Round(Vector512.Load(source + n)).Store(target + n);
    }
}
