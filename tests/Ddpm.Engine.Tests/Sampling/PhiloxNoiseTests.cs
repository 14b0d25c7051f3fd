using Ddpm.Engine.Sampling;

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
}
