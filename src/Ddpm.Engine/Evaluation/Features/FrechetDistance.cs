using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>The Fréchet distance of two Gaussians, ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½): of features, the FID of Heusel et al. 2017.</summary>
public static class FrechetDistance
{
    /// <param name="left">At least two features. Borrowed.</param>
    /// <param name="right">At least two, of the same length. Borrowed.</param>
    /// <returns>At least 0 but for rounding. It is biased upwards by about as much as its change when the pictures are halved: compare numbers of equal counts.</returns>
    public static double Between(FeatureStatistics left, FeatureStatistics right)
    {
        using var scope = NewDisposeScope();
        return Between(left.Mean, left.Covariance(), right.Mean, right.Covariance());
    }

    /// <param name="mean1">float64 <c>[dimensions]</c>. Borrowed.</param>
    /// <param name="covariance1">float64 <c>[dimensions, dimensions]</c>, symmetric, without negative eigenvalues; may be singular. Borrowed.</param>
    /// <param name="mean2">Like <paramref name="mean1"/>. Borrowed.</param>
    /// <param name="covariance2">Like <paramref name="covariance1"/>. Borrowed.</param>
    public static double Between(Tensor mean1, Tensor covariance1, Tensor mean2, Tensor covariance2)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        // (Σ₁Σ₂)^½ has the trace of (Σ₁^½·Σ₂·Σ₁^½)^½, which is symmetric: its eigenvalues are real whatever the rounding.
        var (values, vectors) = linalg.eigh(covariance1);
        var root = (vectors * values.AtLeast(0).sqrt()).matmul(vectors.t());
        var product = linalg.eigvalsh(root.matmul(covariance2).matmul(root));
        var shift = (mean1 - mean2).Squared().sum();
        return (shift.Plus(covariance1.trace()).Plus(covariance2.trace()) - product.AtLeast(0).sqrt().sum().Times(2)).item<double>();
    }
}
