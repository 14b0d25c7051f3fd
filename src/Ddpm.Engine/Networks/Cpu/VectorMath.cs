using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Functions of 16 floats at a time. Needs AVX-512.</summary>
internal static class VectorMath
{
    /// <summary>eˣ to within 2 units in the last place; 0 where it would be too small, ∞ where too large.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // e^x = 2^n · e^r with |r| ≤ ln 2 / 2, ln 2 in two parts; Taylor's series to r⁷.
        x = Avx512F.Max(Vector512.Create(-104f), Avx512F.Min(Vector512.Create(104f), x)); // of two operands the second, where one is not a number
        var n = Avx512F.RoundScale(x * Vector512.Create(1.44269504f), 0);
        var r = Avx512F.FusedMultiplyAddNegated(n, Vector512.Create(0.693145752f), x);
        r = Avx512F.FusedMultiplyAddNegated(n, Vector512.Create(1.42860677e-6f), r);
        var p = Avx512F.FusedMultiplyAdd(Vector512.Create(1f / 5040), r, Vector512.Create(1f / 720));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(1f / 120));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(1f / 24));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(1f / 6));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(0.5f));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512<float>.One);
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512<float>.One);
        return Avx512F.Scale(p, n);
    }

    /// <summary>x / (1 + e⁻ˣ).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Silu(Vector512<float> x) => x / (Vector512<float>.One + Exp(-x));
}
