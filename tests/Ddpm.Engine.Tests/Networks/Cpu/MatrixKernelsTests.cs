using Ddpm.Engine.Networks.Cpu;

namespace Ddpm.Engine.Tests.Networks.Cpu;

public sealed unsafe class MatrixKernelsTests
{
    private const int Panel = MatrixKernels.PanelWidth;

    private static readonly int[] Lengths = [1, 3, 4, 5, 130];
    private static readonly bool[] Either = [false, true];

    public static IEnumerable<TheoryDataRow<int, int, bool>> Sizes =>
        from rows in Enumerable.Range(1, MatrixKernels.MostRows).Concat([15, 31, 57])
        from k in Lengths
        from accumulate in Either
        select new TheoryDataRow<int, int, bool>(rows, k, accumulate);

    [Theory, MemberData(nameof(Sizes))]
    public void Multiply_GivesTheProduct_InFloat32(int rows, int k, bool accumulate)
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        var (a, b, c) = (Values(rows * (k + 3), 1), Values(k * Panel, 2), Values(rows * (Panel + 5), 3));
        var expected = new double[rows * Panel];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < Panel; column++)
                expected[(row * Panel) + column] = (accumulate ? c[(row * (Panel + 5)) + column] : 0) + Enumerable.Range(0, k).Sum(n => (double)a[(row * (k + 3)) + n] * b[(n * Panel) + column]);

        var between = c[Panel..(Panel + 5)];
        fixed (float* pa = a, pb = b, pc = c)
            MatrixKernels.Multiply(rows, pa, (k + 3) * 4, pb, pc, (Panel + 5) * 4, k, accumulate, MatrixType.Float32);

        Assert.Equal(between, c[Panel..(Panel + 5)]); // what lies between the rows is left alone
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < Panel; column++)
                Assert.Equal(expected[(row * Panel) + column], c[(row * (Panel + 5)) + column], 1e-6 * k);
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Multiply_SumsProductsOfPairsInFloat32_InBFloat16(int rows, int k, bool accumulate)
    {
        Assert.SkipUnless(MatrixKernels.SupportBFloat16, "This CPU lacks AVX512_BF16.");
        var (a, b, c) = (Rounded(rows * 2 * k, 1), Rounded(k * 2 * Panel, 2), Values(rows * Panel, 3));
        var expected = new double[rows * Panel];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < Panel; column++)
                expected[(row * Panel) + column] = (accumulate ? c[(row * Panel) + column] : 0)
                    + Enumerable.Range(0, 2 * k).Sum(n => (double)Widened(a[(row * 2 * k) + n]) * Widened(b[(((n / 2 * Panel) + column) * 2) + (n % 2)]));

        fixed (ushort* pa = a, pb = b)
        fixed (float* pc = c)
            MatrixKernels.Multiply(rows, pa, k * 4, pb, pc, Panel * 4, k, accumulate, MatrixType.BFloat16);

        for (var n = 0; n < expected.Length; n++)
            Assert.Equal(expected[n], c[n], 2e-6 * k);
    }

    [Fact]
    public void Multiply_GivesARowTheSameBits_WhateverRowsAreComputedWithIt()
    {
        Assert.SkipUnless(MatrixKernels.AreSupported, "This CPU, or this system, lacks AVX-512.");
        const int Rows = 45, K = 97;
        var (a, b, all, alone) = (Values(Rows * K, 1), Values(K * Panel, 2), new float[Rows * Panel], new float[Panel]);
        fixed (float* pa = a, pb = b, pall = all, palone = alone)
        {
            MatrixKernels.Multiply(Rows, pa, K * 4, pb, pall, Panel * 4, K, false, MatrixType.Float32);
            for (var row = 0; row < Rows; row++)
            {
                MatrixKernels.Multiply(1, pa + (row * K), K * 4, pb, palone, Panel * 4, K, false, MatrixType.Float32);
                Assert.Equal(all[(row * Panel)..((row + 1) * Panel)], alone);
            }
        }
    }

    private static float[] Values(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count + 1024).Select(_ => (float)(random.NextDouble() - 0.5))]; // kernels ask for lines ahead, which may be any
    }

    private static ushort[] Rounded(int count, int seed) => [.. Values(count, seed).Select(Bfloat16.Round)];

    private static float Widened(ushort value) => BitConverter.UInt32BitsToSingle((uint)value << 16);
}
