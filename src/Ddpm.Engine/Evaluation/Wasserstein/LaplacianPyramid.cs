using Ddpm.Engine.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Wasserstein;

/// <summary>Pictures taken apart by scale: each level holds what the next coarser one lacks, the last what is left. Burt &amp; Adelson 1983.</summary>
public static class LaplacianPyramid
{
    /// <summary>No level is smaller, as in Karras et al. 2018.</summary>
    private const int LeastSide = 16;

    private static readonly float[] Binomial = [1, 4, 6, 4, 1];

    /// <summary>Sides of the levels of pictures of a side, finest first: halved as long as it is even and the half not below 16.</summary>
    public static IReadOnlyList<int> Sides(int side) =>
        side % 2 == 0 && side / 2 >= LeastSide ? [side, .. Sides(side / 2)] : [side];

    /// <param name="pictures">float32 <c>[count, channels, side, side]</c>. Borrowed.</param>
    /// <returns>A tensor for each of <see cref="Sides"/>; the caller disposes them.</returns>
    public static IReadOnlyList<Tensor> Of(Tensor pictures)
    {
        using var scope = NewDisposeScope();
        var levels = new List<Tensor> { pictures.clone() };
        foreach (var _ in Sides((int)pictures.shape[2]).Skip(1))
        {
            var finer = levels[^1];
            var coarser = Smooth(finer)[.., .., TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)].contiguous();
            levels[^1] = finer - Enlarge(coarser);
            levels.Add(coarser);
        }

        return [.. levels.Select(level => level.MoveToOuterDisposeScope())];
    }

    private static Tensor Enlarge(Tensor pictures)
    {
        var shape = pictures.shape;
        var sparse = zeros([shape[0], shape[1], 2 * shape[2], 2 * shape[3]], pictures.dtype, pictures.device);
        sparse[.., .., TensorIndex.Slice(step: 2), TensorIndex.Slice(step: 2)] = pictures;
        return Smooth(sparse).Times(4); // three of four values are 0
    }

    // Every channel by itself; what lies beyond the edge is its mirror image, as OpenCV's and scipy's pyramids have it.
    private static Tensor Smooth(Tensor pictures)
    {
        var shape = pictures.shape;
        var row = tensor(Binomial).Over(16);
        var filter = row.outer(row).view(1, 1, 5, 5).to(pictures.device);
        var padded = nn.functional.pad(pictures.reshape(-1, 1, shape[2], shape[3]), [2, 2, 2, 2], PaddingModes.Reflect);
        return nn.functional.conv2d(padded, filter).view(shape);
    }
}
