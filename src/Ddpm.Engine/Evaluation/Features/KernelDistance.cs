using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>The squared maximum mean discrepancy under the kernel (x·y/d + 1)³, without bias: of features, the KID of Bińkowski et al. 2018.</summary>
/// <remarks>The usual programs average over random subsets, since they cannot hold all pairs. The average over all subsets is the number for all
/// features at once, which is computed here, in pieces; it has the same mean and the least variance. Its standard error is the jackknife's: what
/// leaving out each picture in turn changes (Efron &amp; Stein 1981), for either set.</remarks>
public static class KernelDistance
{
    private const int RowsAtOnce = 512;

    /// <param name="left">float64 <c>[pictures, dimensions]</c>; at least 3 pictures. Borrowed.</param>
    /// <param name="right">At least 3 of the same length. Borrowed.</param>
    /// <param name="cancellationToken">Looked at between pieces.</param>
    /// <returns>It may be below 0: its mean is 0 for equal distributions.</returns>
    /// <exception cref="ArgumentException">There are too few.</exception>
    public static Estimate Between(Tensor left, Tensor right, CancellationToken cancellationToken)
    {
        if (left.shape[0] < 3 || right.shape[0] < 3 || left.shape[1] != right.shape[1])
            throw new ArgumentException($"Expected at least 3 features of one length on either side, got [{string.Join(", ", left.shape)}] and [{string.Join(", ", right.shape)}].", nameof(right));
        var (within1, within2) = (RowSums(left, left, isOneSet: true, cancellationToken), RowSums(right, right, isOneSet: true, cancellationToken));
        var (across1, across2) = (RowSums(left, right, isOneSet: false, cancellationToken), RowSums(right, left, isOneSet: false, cancellationToken));
        var (own1, own2) = (MeanOfPairs(within1), MeanOfPairs(within2));
        var shared = across1.Sum() / ((double)across1.Length * across2.Length);
        var variance = Jackknife(within1, across1, across2.Length, own2) + Jackknife(within2, across2, across1.Length, own1);
        return new Estimate(own1 + own2 - (2 * shared), Math.Sqrt(variance));
    }

    private static double MeanOfPairs(double[] rowSums) => rowSums.Sum() / ((double)rowSums.Length * (rowSums.Length - 1));

    // The variance that one set contributes, from the distance without each of its pictures.
    private static double Jackknife(double[] within, double[] across, int others, double ownOfOthers)
    {
        double n = within.Length;
        var (pairs, crossings) = (within.Sum(), across.Sum());
        var without = within.Select((sum, picture) =>
            ((pairs - (2 * sum)) / ((n - 1) * (n - 2))) + ownOfOthers - (2 * (crossings - across[picture]) / ((n - 1) * others))).ToList();
        var mean = without.Average();
        return (n - 1) / n * without.Sum(distance => (distance - mean) * (distance - mean));
    }

    // Of the kernel matrix, [left]; of one set with itself without the diagonal.
    private static double[] RowSums(Tensor left, Tensor right, bool isOneSet, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var sums = new List<double>();
        for (long first = 0; first < left.shape[0]; first += RowsAtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var piece = NewDisposeScope();
            var rows = left.narrow(0, first, Math.Min(RowsAtOnce, left.shape[0] - first));
            var total = Kernel(rows.matmul(right.t()), left.shape[1]).sum([1]);
            sums.AddRange((isOneSet ? total - Kernel((rows * rows).sum([1]), left.shape[1]) : total).data<double>());
        }

        return [.. sums];
    }

    private static Tensor Kernel(Tensor products, long dimensions) => products.Over(dimensions).Plus(1).Power(3);
}
