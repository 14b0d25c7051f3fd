using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Rounds rows of float32 to bfloat16.</summary>
internal static unsafe class Rounding
{
    /// <param name="source">float32.</param>
    /// <param name="target">bfloat16, to the nearest, halves to even.</param>
    /// <param name="count">A multiple of 16.</param>
    public static void ToBFloat16(float* source, ushort* target, int count)
    {
        for (var n = 0; n < count; n += 16)
            Sixteen(Vector512.Load(source + n)).Store(target + n);
    }

    /// <summary>Sixteen of them. What is not a number stays not a number: its quiet bit is the highest of those that are kept.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Sixteen(Vector512<float> values)
    {
        var bits = values.AsUInt32();
        var odd = (bits >> 16) & Vector512<uint>.One;
        var rounded = (bits + Vector512.Create(0x7FFFu) + odd) >> 16;
        return Avx512F.ConvertToVector256UInt16(rounded);
    }
}
