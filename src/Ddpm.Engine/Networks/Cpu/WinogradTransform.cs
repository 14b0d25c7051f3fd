using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>F(4×4, 3×3): 16 results of a 3×3 convolution from 36 multiplications instead of 144. Lavin &amp; Gray 2016, §4.2, with the points 0, ±1, ±2 and ∞.</summary>
internal static unsafe class WinogradTransform
{
    /// <summary>Results of a tile, along a side.</summary>
    public const int TileSide = 4;

    /// <summary>Products of a tile.</summary>
    public const int Products = 36;

    private const int Side = 6;

    private static readonly double[,] WeightMatrix =
    {
        { 1.0 / 4, 0, 0 }, { -1.0 / 6, -1.0 / 6, -1.0 / 6 }, { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
        { 1.0 / 24, 1.0 / 12, 1.0 / 6 }, { 1.0 / 24, -1.0 / 12, 1.0 / 6 }, { 0, 0, 1 },
    };

    /// <summary>G·g·Gᵀ of every kernel.</summary>
    /// <param name="weight">float32 <c>[out, in, 3, 3]</c>. Borrowed.</param>
    /// <returns>float32 <c>[36, in, out]</c>; the caller disposes it.</returns>
    public static Tensor Weights(Tensor weight)
    {
        using var scope = NewDisposeScope();
        var g = tensor(WeightMatrix);
        var products = g.matmul(weight.to(ScalarType.Float64)).matmul(g.t()); // [out, in, 6, 6]
        return products.permute(2, 3, 1, 0).reshape(Products, weight.shape[1], weight.shape[0]).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <summary>Bᵀ·d·B of 16 channels of a tile.</summary>
    /// <param name="source">The tile's first pixel.</param>
    /// <param name="pixel">Floats from pixel to pixel.</param>
    /// <param name="line">Floats from row to row.</param>
    /// <param name="target">The first product.</param>
    /// <param name="stride">Floats from product to product.</param>
    [SkipLocalsInit]
    public static void Input(float* source, nint pixel, nint line, float* target, nint stride)
    {
        var half = stackalloc Vector512<float>[Products];
        for (var column = 0; column < Side; column++, source += pixel)
        {
            InputLine(
                Vector512.Load(source), Vector512.Load(source + line), Vector512.Load(source + (2 * line)),
                Vector512.Load(source + (3 * line)), Vector512.Load(source + (4 * line)), Vector512.Load(source + (5 * line)), out var values);
            values.CopyTo(half + column, Side);
        }

        for (var row = 0; row < Side; row++, half += Side, target += Side * stride)
        {
            InputLine(half[0], half[1], half[2], half[3], half[4], half[5], out var values);
            values.A.Store(target);
            values.B.Store(target + stride);
            values.C.Store(target + (2 * stride));
            values.D.Store(target + (3 * stride));
            values.E.Store(target + (4 * stride));
            values.F.Store(target + (5 * stride));
        }
    }

    /// <summary>Aᵀ·m·A of 16 channels of a tile: its 4×4 results, row after row.</summary>
    /// <param name="source">The first product.</param>
    /// <param name="stride">Floats from product to product.</param>
    /// <param name="results">Receives 16.</param>
    [SkipLocalsInit]
    public static void Output(float* source, nint stride, Vector512<float>* results)
    {
        var half = stackalloc Vector512<float>[TileSide * Side];
        for (var column = 0; column < Side; column++, source += stride)
        {
            OutputLine(
                Vector512.Load(source), Vector512.Load(source + (6 * stride)), Vector512.Load(source + (12 * stride)),
                Vector512.Load(source + (18 * stride)), Vector512.Load(source + (24 * stride)), Vector512.Load(source + (30 * stride)),
                out half[column], out half[Side + column], out half[(2 * Side) + column], out half[(3 * Side) + column]);
        }

        for (var row = 0; row < TileSide; row++, half += Side, results += TileSide)
            OutputLine(half[0], half[1], half[2], half[3], half[4], half[5], out results[0], out results[1], out results[2], out results[3]);
    }

    private struct Six
    {
        public Vector512<float> A, B, C, D, E, F;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void CopyTo(Vector512<float>* target, int stride) =>
            (target[0], target[stride], target[2 * stride], target[3 * stride], target[4 * stride], target[5 * stride]) = (A, B, C, D, E, F);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void InputLine(
        Vector512<float> d0, Vector512<float> d1, Vector512<float> d2, Vector512<float> d3, Vector512<float> d4, Vector512<float> d5, out Six t)
    {
        var four = Vector512.Create(4f);
        var minusFive = Vector512.Create(-5f);
        var even = Avx512F.FusedMultiplyAddNegated(four, d2, d4); // d4 − 4·d2
        var odd = Avx512F.FusedMultiplyAddNegated(four, d1, d3); // d3 − 4·d1
        var evenOuter = d4 - d2;
        var oddOuter = (d3 - d1) + (d3 - d1);
        t.A = Avx512F.FusedMultiplyAdd(four, d0, Avx512F.FusedMultiplyAdd(minusFive, d2, d4));
        t.B = even + odd;
        t.C = even - odd;
        t.D = evenOuter + oddOuter;
        t.E = evenOuter - oddOuter;
        t.F = Avx512F.FusedMultiplyAdd(four, d1, Avx512F.FusedMultiplyAdd(minusFive, d3, d5));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputLine(
        Vector512<float> m0, Vector512<float> m1, Vector512<float> m2, Vector512<float> m3, Vector512<float> m4, Vector512<float> m5,
        out Vector512<float> y0, out Vector512<float> y1, out Vector512<float> y2, out Vector512<float> y3)
    {
        var (sum, difference) = (m1 + m2, m1 - m2);
        var (outerSum, outerDifference) = (m3 + m4, m3 - m4);
        y0 = m0 + sum + outerSum;
        y1 = Avx512F.FusedMultiplyAdd(Vector512.Create(2f), outerDifference, difference);
        y2 = Avx512F.FusedMultiplyAdd(Vector512.Create(4f), outerSum, sum);
        y3 = Avx512F.FusedMultiplyAdd(Vector512.Create(8f), outerDifference, difference) + m5;
    }
}
