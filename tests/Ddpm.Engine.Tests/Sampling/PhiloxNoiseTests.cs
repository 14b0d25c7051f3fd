using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Sampling.Normals;

namespace Ddpm.Engine.Tests.Sampling;

public sealed class PhiloxNoiseTests
{
    // Known answers published with the reference implementation, Random123's kat_vectors: philox4x32, ten rounds.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0ul, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0ul, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0x299f31d0a4093822ul, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Block_GivesThePublishedAnswers(uint c0, uint c1, uint c2, uint c3, ulong key, uint a, uint b, uint c, uint d) =>
        Assert.Equal((a, b, c, d), PhiloxNoise.Block(c0, c1, c2, c3, key));

    [Fact]
    public void Fill_IsStandardNormal()
    {
        var values = new float[1 << 20];
        PhiloxNoise.Fill(seed: 3, image: 1, step: 2, values);
        var n = values.Length;
        var mean = values.Average(value => (double)value);
        double Moment(int power) => values.Average(value => Math.Pow(value - mean, power));
        // Five standard errors each: of the mean, the variance, the skewness and the kurtosis of normal samples.
        Assert.Equal(0, mean, tolerance: 5 / Math.Sqrt(n));
        Assert.Equal(1, Moment(2), tolerance: 5 * Math.Sqrt(2.0 / n));
        Assert.Equal(0, Moment(3), tolerance: 5 * Math.Sqrt(6.0 / n));
        Assert.Equal(3, Moment(4), tolerance: 5 * Math.Sqrt(96.0 / n));
        // Kolmogorov–Smirnov against the normal distribution at a few points, p < 1e-6.
        foreach (var (x, cumulative) in new[] { (-2.0, 0.0227501), (-1.0, 0.1586553), (0.0, 0.5), (1.0, 0.8413447), (2.0, 0.9772499) })
            Assert.Equal(cumulative, values.Count(value => value <= x) / (double)n, tolerance: 2.7 / Math.Sqrt(n));
    }

    [Fact]
    public void Fill_IsAFunctionOfSeedImageStepAndPurpose()
    {
        var (first, other) = (new float[4096], new float[4096]);
        PhiloxNoise.Fill(1, 2, 3, first);
        PhiloxNoise.Fill(1, 2, 3, other);
        Assert.Equal(first, other);
        var variants = new Action[]
        {
            () => PhiloxNoise.Fill(2, 2, 3, other), () => PhiloxNoise.Fill(1 | (1ul << 40), 2, 3, other), () => PhiloxNoise.Fill(1, 3, 3, other),
            () => PhiloxNoise.Fill(1, 2, 4, other), () => PhiloxNoise.Fill(1, 2, 3, other, NoisePurpose.TrainingNoise),
        };
        foreach (var fill in variants)
        {
            fill();
            var correlation = first.Zip(other, (x, y) => (double)x * y).Average();
            Assert.Equal(0, correlation, tolerance: 5 / Math.Sqrt(first.Length));
        }
    }

    [Fact]
    public void Fill_OfAPrefixIsThePrefix()
    {
        var (shorter, longer) = (new float[1001], new float[4000]);
        PhiloxNoise.Fill(9, 0, 0, shorter);
        PhiloxNoise.Fill(9, 0, 0, longer);
        Assert.Equal(shorter, longer[..1001]);
    }

    [Fact]
    public void Fill_OfAllParts_IsTheWholeFill()
    {
        var (whole, parts) = (new float[1003], new float[1003]);
        PhiloxNoise.Fill(9, 4, 5, whole, NoisePurpose.EvaluationNoise);
        foreach (var (start, end) in new[] { (0, 4), (4, 76), (76, 400), (400, 1003) })
            PhiloxNoise.FillFrom(start, 9, 4, 5, parts.AsSpan(start..end), NoisePurpose.EvaluationNoise);
        Assert.Equal(whole, parts);
    }

    [Theory, InlineData(-4), InlineData(2)]
    public void FillFrom_IsRefused_BetweenBlocks(int start) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => PhiloxNoise.FillFrom(start, 1, 0, 0, new float[8]));

    // Words near both ends and both sides of every case of the formula, besides a million that are random.
    [Fact]
    public void EveryKindOfLane_GivesTheSameBits()
    {
        var scalar = new float[1 << 20];
        NormalBlocks<ScalarLane, uint>.Fill(0xFFFFF000, 6, 7, 8, scalar); // the counter wraps
        AssertSame(scalar, Lanes512.IsSupported, values => NormalBlocks<Lanes512, Vector512<uint>>.Fill(0xFFFFF000, 6, 7, 8, values));
        AssertSame(scalar, Lanes256.IsSupported, values => NormalBlocks<Lanes256, Vector256<uint>>.Fill(0xFFFFF000, 6, 7, 8, values));

        foreach (var (first, second) in Edges().SelectMany(_ => Edges(), (first, second) => (first, second)))
        {
            var expected = NormalBlocks<ScalarLane, uint>.BoxMuller(first, second);
            if (Lanes512.IsSupported)
            {
                var (x, y) = NormalBlocks<Lanes512, Vector512<uint>>.BoxMuller(Vector512.Create(first), Vector512.Create(second));
                Assert.Equal((Vector512.Create(expected.First), Vector512.Create(expected.Second)), (x, y));
            }
            if (Lanes256.IsSupported)
            {
                var (x, y) = NormalBlocks<Lanes256, Vector256<uint>>.BoxMuller(Vector256.Create(first), Vector256.Create(second));
                Assert.Equal((Vector256.Create(expected.First), Vector256.Create(expected.Second)), (x, y));
            }
        }
    }

    [Fact]
    public void Fill_UsesEveryWordOfItsBlocks_ByBoxMuller()
    {
        var (values, worst, worstUnits) = (new float[1 << 20], 0.0, 0.0);
        PhiloxNoise.Fill(3, 1, 2, values);
        for (var start = 0; start < values.Length; start += 4)
        {
            var (a, b, c, d) = PhiloxNoise.Block((uint)start / 4, 2, 1, 0, 3);
            Compare(a, b, values[start], values[start + 1]);
            Compare(c, d, values[start + 2], values[start + 3]);
        }
        foreach (var (first, second) in Edges().SelectMany(_ => Edges(), (first, second) => (first, second)))
        {
            var (x, y) = NormalBlocks<ScalarLane, uint>.BoxMuller(first, second);
            Compare(first, second, BitConverter.UInt32BitsToSingle(x), BitConverter.UInt32BitsToSingle(y));
        }
        Assert.InRange(worst, 1e-8, 8e-7);
        Assert.InRange(worstUnits, 0.5, 6);

        void Compare(uint first, uint second, float cosine, float sine)
        {
            // In the last quarter 1 − u is exact in a double and ln u = −Σ (1 − u)ᵏ/k; Math.Log would lose what the floats keep.
            var fromOne = (4294967295 - first + 0.5) / 4294967296;
            var log = fromOne < 1e-3 ? -Enumerable.Range(1, 6).Sum(k => Math.Pow(fromOne, k) / k) : Math.Log((first + 0.5) / 4294967296);
            var radius = Math.Sqrt(-2 * log);
            // Quarter turns are taken off first, so that an axis is met exactly.
            var (quarter, rest) = (((second >> 29) + 1) >> 1, (int)(second - ((((second >> 29) + 1) >> 1) << 30)));
            var (sin, cos) = Math.SinCos(rest * (2 * Math.PI / 4294967296));
            (sin, cos) = (quarter & 3) switch { 0 => (sin, cos), 1 => (cos, -sin), 2 => (-sin, -cos), _ => (-cos, sin) };
            Note(radius * cos, cosine);
            Note(radius * sin, sine);
        }

        void Note(double exact, float value)
        {
            worst = Math.Max(worst, Math.Abs(exact - value));
            if (exact != 0)
                worstUnits = Math.Max(worstUnits, Math.Abs(exact - value) / Math.ScaleB(1, Math.ILogB(exact) - 23));
        }
    }

    // Of 2²⁴ normals: how many lie beyond k standard deviations, against 2·Φ(−k), within five standard errors of a count.
    [Fact]
    public void Fill_HasTheTailsOfANormal()
    {
        var values = new float[1 << 24];
        PhiloxNoise.Fill(seed: 17, image: 0, step: 0, values);
        foreach (var (beyond, probability) in new[] { (1f, 0.3173105), (2f, 0.0455003), (3f, 2.699796e-3), (4f, 6.334248e-5), (5f, 5.733031e-7) })
        {
            var expected = probability * values.Length;
            Assert.Equal(expected, values.Count(value => Math.Abs(value) > beyond), tolerance: 5 * Math.Sqrt(expected) + 1);
        }
        Assert.All(values.Where(value => Math.Abs(value) > 5), value => Assert.InRange(Math.Abs(value), 5, 6.77));
    }

    // The largest distance between the empirical and the normal distribution function; 2.7/√n is exceeded once in a million.
    [Fact]
    public void Fill_PassesKolmogorovSmirnov()
    {
        var values = new float[1 << 18];
        PhiloxNoise.Fill(seed: 23, image: 5, step: 1, values);
        Array.Sort(values);
        var distance = values.Select((value, rank) => Math.Abs(Cumulative(value) - (rank + 0.5) / values.Length)).Max();
        Assert.InRange(distance, 0, 2.7 / Math.Sqrt(values.Length));
    }

    // Marsaglia 2004: φ(x)·(x + x³/3 + x⁵/(3·5) + …) + ½.
    private static double Cumulative(double x)
    {
        var (sum, term) = (x, x);
        for (var n = 3; Math.Abs(term) > 1e-17; n += 2)
            sum += term *= x * x / n;
        return 0.5 + sum * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI);
    }

    private static void AssertSame(float[] expected, bool isSupported, Func<float[], int> fill)
    {
        if (!isSupported)
            return;
        var values = new float[expected.Length];
        Assert.Equal(values.Length, fill(values));
        Assert.True(MemoryMarshal.AsBytes<float>(expected).SequenceEqual(MemoryMarshal.AsBytes<float>(values)));
    }

    private static IEnumerable<uint> Edges() =>
        new[] { 0u, 1u << 29, 1u << 30, 0xB504F333, 0xB504F333 / 2, 3u << 29, 1u << 31, 5u << 29, 3u << 30, 7u << 29, 1u << 24 }
            .SelectMany(edge => new[] { edge - 2, edge - 1, edge, edge + 1, edge + 2, edge + 100 });
}
