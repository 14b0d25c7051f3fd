using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Evaluation.Memorisation;
using Ddpm.Engine.Evaluation.Wasserstein;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Evaluation;

/// <summary>What was measured; null where it was not asked for.</summary>
public sealed record EvaluationReport
{
    /// <summary>The variational bound.</summary>
    public BitsPerDimensionResult? BitsPerDimension { get; init; }

    /// <summary>FID and KID.</summary>
    public FeatureDistanceResult? Features { get; init; }

    /// <summary>The sliced Wasserstein distance of samples and dataset.</summary>
    public PictureDistanceResult? SlicedWasserstein { get; init; }

    /// <summary>That distance between two halves of the dataset, as many pictures each: what a perfect model would have. Null for small datasets too.</summary>
    public PictureDistanceResult? SlicedWassersteinOfDataset { get; init; }

    /// <summary>How near samples lie to pictures of the dataset.</summary>
    public MemorisationResult? Memorisation { get; init; }

    /// <summary>A PNG: samples beside their nearest pictures.</summary>
    public byte[]? NearestGrid { get; init; }

    /// <summary>The samples; null where no metric needed them.</summary>
    public PixelBatch? Samples { get; init; }
}

/// <summary>Distances of features.</summary>
/// <param name="Fid">Fréchet distance; null where it was not asked for. Biased upwards for few pictures.</param>
/// <param name="Kid">Kernel distance, unbiased; null where it was not asked for.</param>
/// <param name="Images">Samples.</param>
/// <param name="ReferenceImages">Pictures of the dataset.</param>
/// <param name="Dimensions">Length of a feature.</param>
/// <param name="NetworkSha256">SHA-256 of the feature network's file.</param>
public sealed record FeatureDistanceResult(double? Fid, Estimate? Kid, int Images, int ReferenceImages, int Dimensions, string NetworkSha256);
