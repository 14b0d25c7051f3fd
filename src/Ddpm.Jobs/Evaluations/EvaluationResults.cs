namespace Ddpm.Jobs.Evaluations;

/// <summary>What was measured; null where it was not asked for.</summary>
public sealed record EvaluationResults
{
    /// <summary>The variational bound on the dataset, in bits per dimension: lower is better, 8 is a uniform guess.</summary>
    public BitsPerDimensionResults? BitsPerDimension { get; init; }

    /// <summary>FID and KID.</summary>
    public FeatureDistanceResults? Features { get; init; }

    /// <summary>The sliced Wasserstein distance of samples and dataset.</summary>
    public PictureDistanceResults? SlicedWasserstein { get; init; }

    /// <summary>That distance between two halves of the dataset: what a perfect model would have. Null for small datasets too.</summary>
    public PictureDistanceResults? SlicedWassersteinOfDataset { get; init; }

    /// <summary>How near samples lie to pictures of the dataset.</summary>
    public MemorisationResults? Memorisation { get; init; }
}

/// <summary>A number that was estimated from a sample.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="StandardError">Null where one observation cannot tell.</param>
public sealed record Measurement(double Value, double? StandardError);

/// <summary>The variational bound.</summary>
/// <param name="Total">All terms.</param>
/// <param name="Prior">L_T.</param>
/// <param name="Diffusion">Σ L_t.</param>
/// <param name="Decoder">L_0.</param>
/// <param name="Terms">Term by term, or stratum by stratum, L_0 first; empty in lists.</param>
/// <param name="Images">Pictures that it was estimated from.</param>
public sealed record BitsPerDimensionResults(
    Measurement Total, Measurement Prior, Measurement Diffusion, Measurement Decoder, IReadOnlyList<BoundTermResults> Terms, int Images);

/// <summary>Terms of neighbouring timesteps.</summary>
/// <param name="FirstTimestep">Zero-based.</param>
/// <param name="LastTimestep">The same where each timestep was evaluated.</param>
/// <param name="BitsPerDimension">Their sum.</param>
/// <param name="MeanSquaredError">Of the predicted noise, their mean.</param>
public sealed record BoundTermResults(int FirstTimestep, int LastTimestep, Measurement BitsPerDimension, Measurement MeanSquaredError);

/// <summary>Distances of features.</summary>
/// <param name="Fid">Fréchet distance; biased upwards for few pictures.</param>
/// <param name="Kid">Kernel distance, unbiased.</param>
/// <param name="Images">Samples.</param>
/// <param name="ReferenceImages">Pictures of the dataset.</param>
/// <param name="Dimensions">Length of a feature.</param>
/// <param name="NetworkSha256">SHA-256 of the feature network's file.</param>
public sealed record FeatureDistanceResults(double? Fid, Measurement? Kid, int Images, int ReferenceImages, int Dimensions, string NetworkSha256);

/// <summary>A sliced Wasserstein distance.</summary>
/// <param name="Pixels">Of whole pictures, values from 0 to 1.</param>
/// <param name="Levels">Of patches of each scale, finest first.</param>
/// <param name="Average">Over the levels.</param>
/// <param name="Images">Pictures of each set.</param>
public sealed record PictureDistanceResults(Measurement Pixels, IReadOnlyList<LevelDistanceResults> Levels, double Average, int Images);

/// <summary>The distance at one scale.</summary>
/// <param name="Side">Of the pictures at that scale, in pixels.</param>
/// <param name="Distance">In standard deviations of the patches.</param>
public sealed record LevelDistanceResults(int Side, Measurement Distance);

/// <summary>How near samples lie to pictures of the dataset: root mean square differences of values from 0 to 255.</summary>
/// <param name="SampleMedian">Median over samples.</param>
/// <param name="DatasetMedian">Median over pictures of the dataset, each to its nearest other: samples much nearer than this are copies.</param>
/// <param name="Closest">The samples that lie nearest, the rows of <c>nearest.png</c>; empty in lists.</param>
/// <param name="Images">Samples that were looked at.</param>
/// <param name="ComparedSide">Side at which pictures were compared, in pixels.</param>
public sealed record MemorisationResults(double SampleMedian, double? DatasetMedian, IReadOnlyList<SampleNeighboursResults> Closest, int Images, int ComparedSide);

/// <summary>A sample and what it resembles.</summary>
/// <param name="Sample">Its number under the seed.</param>
/// <param name="Nearest">The nearest first.</param>
public sealed record SampleNeighboursResults(int Sample, IReadOnlyList<NearestPictureResults> Nearest);

/// <summary>A picture of the dataset.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Distance">From the sample.</param>
/// <param name="Mirrored">Whether it is its mirror image that resembles.</param>
public sealed record NearestPictureResults(int Index, double Distance, bool Mirrored);
