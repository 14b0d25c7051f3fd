namespace Ddpm.Engine.Tests.Sampling;

/// <summary>A distribution of single numbers whose exact noise estimate, and whose exact path from noise, are known at every level.</summary>
internal sealed class GaussianMixture(params (double Weight, double Mean, double Deviation)[] parts)
{
    /// <summary>Two unequal humps, both narrower than their distance.</summary>
    public static GaussianMixture TwoHumps { get; } = new((0.3, -0.7, 0.15), (0.7, 0.4, 0.25));

    public double Mean => parts.Sum(part => part.Weight * part.Mean);

    public double Variance => parts.Sum(part => part.Weight * ((part.Mean * part.Mean) + (part.Deviation * part.Deviation))) - (Mean * Mean);

    /// <summary>ε*(x) = E[ε | x_t = x] = −√(1 − ᾱ)·∂ log p_t(x).</summary>
    public double Epsilon(double x, double signalRate, double noiseRate)
    {
        var (density, slope) = (0.0, 0.0);
        foreach (var (weight, mean, deviation) in parts)
        {
            var (centre, variance) = (signalRate * mean, Spread(deviation, signalRate, noiseRate));
            var share = weight * Math.Exp(-(x - centre) * (x - centre) / (2 * variance)) / Math.Sqrt(variance);
            density += share;
            slope += share * (centre - x) / variance;
        }

        return -noiseRate * slope / density;
    }

    /// <summary>P(x_t ≤ x).</summary>
    public double Cumulative(double x, double signalRate, double noiseRate) =>
        parts.Sum(part => part.Weight * Normal((x - (signalRate * part.Mean)) / Math.Sqrt(Spread(part.Deviation, signalRate, noiseRate))));

    /// <summary>Where the probability flow takes x: in one dimension it keeps P(x_t ≤ x), whatever the path. Song et al. 2021 (SDE), §4.3.</summary>
    public double Flow(double x, (double Signal, double Noise) from, (double Signal, double Noise) to)
    {
        var share = Cumulative(x, from.Signal, from.Noise);
        var (low, high) = (-10.0, 10.0);
        for (var halving = 0; halving < 200 && high - low > 0; halving++)
        {
            var middle = (low + high) / 2;
            (low, high) = Cumulative(middle, to.Signal, to.Noise) < share ? (middle, high) : (low, middle);
        }

        return (low + high) / 2;
    }

    private static double Spread(double deviation, double signalRate, double noiseRate) => (signalRate * signalRate * deviation * deviation) + (noiseRate * noiseRate);

    // Φ by its continued fraction in the tails and its series in the middle, to double precision.
    private static double Normal(double x)
    {
        if (x < 0)
            return 1 - Normal(-x);
        if (x < 5)
        {
            var (sum, term) = (x, x);
            for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
                sum += term *= x * x / ((2 * n) + 1);
            return 0.5 + (sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
        }

        var fraction = 0.0;
        for (var n = 60; n > 0; n--)
            fraction = n / (x + fraction);
        return 1 - (Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI) / (x + fraction));
    }
}
