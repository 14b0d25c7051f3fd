using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Wasserstein;

/// <summary>How far apart two sets of pictures are, without a feature network.</summary>
/// <param name="Pixels">Of whole pictures as vectors of values from 0 to 1: sees shifts of colour and brightness.</param>
/// <param name="Levels">Of patches of each scale, finest first, as Karras et al. 2018 measure it (they print 1000 times these numbers).</param>
/// <param name="Average">Over the levels.</param>
/// <param name="Images">Pictures of each set.</param>
public sealed record PictureDistanceResult(Estimate Pixels, IReadOnlyList<LevelDistance> Levels, double Average, int Images);

/// <summary>The distance at one scale.</summary>
/// <param name="Side">Of the pictures at that scale, in pixels.</param>
/// <param name="Distance">In standard deviations of the patches.</param>
public sealed record LevelDistance(int Side, Estimate Distance);

/// <summary>The sliced Wasserstein distance of pictures and of their patches. Karras et al. 2018, §5: 7 × 7 patches of the levels of a Laplacian
/// pyramid, each set brought to mean 0 and deviation 1 a channel, 512 directions.</summary>
public static class PictureDistance
{
    private const int Directions = 512;
    private const int MostPatchesPerPicture = 128;
    private const int MostPatches = 1 << 19; // 300 MB a set of coloured patches

    /// <summary>Measures it.</summary>
    /// <param name="left">Squares of at least 7 pixels a side, at least 2.</param>
    /// <param name="right">As many, of the same size.</param>
    /// <param name="seed">Decides directions and places of patches.</param>
    /// <param name="cancellationToken">Looked at now and then.</param>
    /// <exception cref="ArgumentException">The sets do not fit each other.</exception>
    public static PictureDistanceResult Measure(PixelBatch left, PixelBatch right, ulong seed, CancellationToken cancellationToken)
    {
        if ((left.Count, left.Channels, left.Height, left.Width) != (right.Count, right.Channels, right.Height, right.Width) || left.Height != left.Width || left.Count < 2)
            throw new ArgumentException($"Expected two sets of as many square pictures, got {left.Count} of {left.Width}×{left.Height} and {right.Count} of {right.Width}×{right.Height}.", nameof(right));
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var pixels = SlicedWasserstein.Distance(Vectors(left), Vectors(right), Directions, seed);
        var perPicture = Math.Clamp(MostPatches / left.Count, 1, MostPatchesPerPicture);
        var (ours, theirs) = (PatchDescriptors.Of(left, perPicture, seed, cancellationToken), PatchDescriptors.Of(right, perPicture, seed, cancellationToken));
        var levels = new List<LevelDistance>();
        foreach (var (level, side) in LaplacianPyramid.Sides(left.Height).Index())
        {
            cancellationToken.ThrowIfCancellationRequested();
            levels.Add(new LevelDistance(side, SlicedWasserstein.Distance(ours[level], theirs[level], Directions, seed + (ulong)level)));
        }

        return new PictureDistanceResult(pixels, levels, levels.Average(level => level.Distance.Value), left.Count);
    }

    private static Tensor Vectors(PixelBatch pictures) => tensor(pictures.Pixels, [pictures.Count, pictures.ImageBytes], dtype: ScalarType.Byte).to(ScalarType.Float32).Over(255);
}
