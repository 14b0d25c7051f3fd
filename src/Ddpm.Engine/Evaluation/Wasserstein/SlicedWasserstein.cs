using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Wasserstein;

/// <summary>The sliced Wasserstein-1 distance of two sets of points: both are projected onto random directions, where the distance is that of the
/// sorted values, and the distances are averaged. Rabin et al. 2011; as in Karras et al. 2018, appendix B.</summary>
public static class SlicedWasserstein
{
    private const int DirectionsAtOnce = 16;

    /// <param name="left">float32 <c>[points, dimensions]</c>. Borrowed.</param>
    /// <param name="right">Of the same shape: as many points. Borrowed.</param>
    /// <param name="directions">Random directions, uniform on the sphere; at least 1.</param>
    /// <param name="seed">Decides them.</param>
    /// <returns>Its standard error is that of the average over directions, for these points.</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Estimate Distance(Tensor left, Tensor right, int directions, ulong seed)
    {
        if (left.ndim != 2 || !left.shape.SequenceEqual(right.shape))
            throw new ArgumentException($"Expected two sets [points, dimensions] of one shape, got [{string.Join(", ", left.shape)}] and [{string.Join(", ", right.shape)}].", nameof(right));
        ArgumentOutOfRangeException.ThrowIfLessThan(directions, 1);
        var distances = new List<double>();
        for (var first = 0; first < directions; first += DirectionsAtOnce)
        {
            using var scope = NewDisposeScope();
            using var noGradients = inference_mode();
            var across = Directions((int)left.shape[1], first, Math.Min(DirectionsAtOnce, directions - first), seed).to(left.device);
            var difference = Sorted(left, across) - Sorted(right, across);
            distances.AddRange(difference.abs().to(ScalarType.Float64).mean([1]).cpu().data<double>());
        }

        return Estimate.OfMean(distances);
    }

    // [directions, points]: rows are sorted faster than columns.
    private static Tensor Sorted(Tensor points, Tensor directions) => directions.matmul(points.t()).sort(-1).Values;

    // Normals, brought to length 1.
    private static Tensor Directions(int dimensions, int first, int count, ulong seed)
    {
        var values = new float[count * dimensions];
        for (var n = 0; n < count; n++)
            PhiloxNoise.Fill(seed, (uint)(first + n), 0, values.AsSpan(n * dimensions, dimensions), NoisePurpose.EvaluationDirection);
        var normals = tensor(values, [count, dimensions]);
        return normals / normals.norm(1, keepdim: true);
    }
}
