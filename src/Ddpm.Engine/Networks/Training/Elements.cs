using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ddpm.Engine.Networks.Training;

/// <summary>A number type in memory that is computed with as float32, sixteen at a time.</summary>
internal unsafe interface IElement
{
    static abstract Vector512<float> Load(void* start, nint index);

    static abstract void Store(Vector512<float> values, void* start, nint index);
}

/// <summary>float32.</summary>
internal readonly unsafe struct WideElement : IElement
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* start, nint index) => Vector512.Load((float*)start + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* start, nint index) => values.Store((float*)start + index);
}

/// <summary>bfloat16.</summary>
internal readonly unsafe struct NarrowElement : IElement
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* start, nint index) => Bfloat16.Widen(Vector256.Load((ushort*)start + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* start, nint index) => Bfloat16.Round(values).Store((ushort*)start + index);
}

/// <summary>1/(1 + e^−x), sixteen at a time.</summary>
internal static class Sigmoid
{
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f; // Cody & Waite 1980: their product with a whole number below 2¹⁵ is exact
    private const float Ln2Low = -2.12194440e-4f;
    private const float Bound = 87; // e^88 is infinite in float32

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));

    // e^x = 2ⁿ·e^r with |r| ≤ ln 2 / 2, and e^r by the polynomial of Cephes' expf: right to two units in the last place.
    // NaN passes through, or steps that must be left out would look sound.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.Min(Vector512.Max(x, Vector512.Create(-Bound)), Vector512.Create(Bound));
        var n = Vector512.Round(x * Log2E);
        var r = x - (n * Ln2High) - (n * Ln2Low);
        var p = Vector512.Create(1.9875691500e-4f);
        p = (p * r) + Vector512.Create(1.3981999507e-3f);
        p = (p * r) + Vector512.Create(8.3334519073e-3f);
        p = (p * r) + Vector512.Create(4.1665795894e-2f);
        p = (p * r) + Vector512.Create(1.6666665459e-1f);
        p = (p * r) + Vector512.Create(5.0000001201e-1f);
        p = (p * r * r) + r + Vector512<float>.One;
        var power = (Vector512.ConvertToInt32(n) + Vector512.Create(127)) << 23;
        return p * power.AsSingle();
    }
}
