using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>The decoder of the last reverse step: a Gaussian integrated over the bin of each of the 256 pixel values. Ho et al. 2020, eq. 13.</summary>
public static class DiscretisedGaussian
{
    private const double HalfBin = 1 / 255.0; // pixel values are 2/255 apart in [-1, 1]
    private const double Outermost = 0.999; // the bins of -1 and 1 reach to infinity
    private const double LeastProbability = 1e-12; // as in Ho et al.'s program: a model that is sure and wrong costs 40 bits a value, not infinitely many

    /// <summary>Natural logarithm of the probability of each pixel value.</summary>
    /// <param name="original">x_0: values 2k/255 − 1, float64. Borrowed.</param>
    /// <param name="mean">Like <paramref name="original"/>. Borrowed.</param>
    /// <param name="logVariance">Of a shape that broadcasts to it. Borrowed.</param>
    /// <param name="cdf">How bins are integrated.</param>
    /// <returns>Like <paramref name="original"/>; the caller disposes it.</returns>
    public static Tensor LogProbability(Tensor original, Tensor mean, Tensor logVariance, NormalCdf cdf)
    {
        using var scope = NewDisposeScope();
        var centred = original - mean;
        var inverseDeviation = logVariance.Times(-0.5).exp();
        var below = Cumulative(inverseDeviation * centred.Plus(HalfBin), cdf);
        var above = Cumulative(inverseDeviation * centred.Minus(HalfBin), cdf);
        var probability = where(original.Below(-Outermost), below, where(original.Above(Outermost), above.From(1), below - above));
        return probability.AtLeast(LeastProbability).log().MoveToOuterDisposeScope();
    }

    private static Tensor Cumulative(Tensor x, NormalCdf cdf) => cdf == NormalCdf.Erf
        ? x.Over(Math.Sqrt(2)).erf().Plus(1).Times(0.5)
        : x.Plus(x.Times(0.044715) * x * x).Times(Math.Sqrt(2 / Math.PI)).tanh().Plus(1).Times(0.5);
}
