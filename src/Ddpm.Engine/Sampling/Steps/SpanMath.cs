using System.Numerics;
using System.Runtime.InteropServices;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>Arithmetic on spans of one length, vector by vector, rounded after each operation: no fused ones, so results do not depend on the processor.</summary>
internal static class SpanMath
{
    /// <summary>destination = weight·x. They may be the same.</summary>
    public static void Scale(float weight, ReadOnlySpan<float> x, Span<float> destination)
    {
        var from = Vectors(x);
        var to = Vectors(destination);
        for (var at = 0; at < to.Length; at++)
            to[at] = from[at] * weight;
        for (var at = to.Length * Vector<float>.Count; at < destination.Length; at++)
            destination[at] = x[at] * weight;
    }

    /// <summary>destination += weight·x.</summary>
    public static void AddScaled(float weight, ReadOnlySpan<float> x, Span<float> destination)
    {
        var from = Vectors(x);
        var to = Vectors(destination);
        for (var at = 0; at < to.Length; at++)
            to[at] += from[at] * weight;
        for (var at = to.Length * Vector<float>.Count; at < destination.Length; at++)
            destination[at] += x[at] * weight;
    }

    /// <summary>Keeps values within ±bound; what is not a number stays that.</summary>
    public static void Clamp(float bound, Span<float> values)
    {
        var vectors = Vectors(values);
        for (var at = 0; at < vectors.Length; at++)
            vectors[at] = Vector.Min(Vector.Max(vectors[at], new Vector<float>(-bound)), new Vector<float>(bound));
        for (var at = vectors.Length * Vector<float>.Count; at < values.Length; at++)
            values[at] = MathF.Min(MathF.Max(values[at], -bound), bound);
    }

    /// <summary>values /= divisor.</summary>
    public static void Divide(float divisor, Span<float> values)
    {
        var vectors = Vectors(values);
        for (var at = 0; at < vectors.Length; at++)
            vectors[at] /= divisor;
        for (var at = vectors.Length * Vector<float>.Count; at < values.Length; at++)
            values[at] /= divisor;
    }

    /// <summary>with = without + scale·(with − without).</summary>
    public static void Guide(float scale, ReadOnlySpan<float> without, Span<float> with)
    {
        var from = Vectors(without);
        var to = Vectors(with);
        for (var at = 0; at < to.Length; at++)
            to[at] = from[at] + (scale * (to[at] - from[at]));
        for (var at = to.Length * Vector<float>.Count; at < with.Length; at++)
            with[at] = without[at] + (scale * (with[at] - without[at]));
    }

    /// <summary>Whether all values are finite.</summary>
    public static bool AreFinite(ReadOnlySpan<float> values)
    {
        foreach (var value in values)
            if (!float.IsFinite(value))
                return false;
        return true;
    }

    private static ReadOnlySpan<Vector<float>> Vectors(ReadOnlySpan<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);

    private static Span<Vector<float>> Vectors(Span<float> values) => MemoryMarshal.Cast<float, Vector<float>>(values);
}
