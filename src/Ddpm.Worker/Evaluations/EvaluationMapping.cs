using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Evaluation.Memorisation;
using Ddpm.Engine.Evaluation.Wasserstein;
using Ddpm.Jobs.Evaluations;

namespace Ddpm.Worker.Evaluations;

/// <summary>Translates what was asked (public) into what the engine takes, and what the engine found into what is stored.</summary>
internal static class EvaluationMapping
{
    /// <summary>What is to be measured.</summary>
    public static EvaluationRequest ToRequest(EvaluationSpec spec) => new()
    {
        Metrics = spec.Metrics.Select(EvaluationMetrics.Parse).ToHashSet(),
        Images = spec.Images,
        Seed = (ulong)spec.Seed,
        Sampler = SpecMapping.ToRequest(spec.Sampling()).Sampler,
        Timesteps = spec.Terms,
        ReferenceImages = spec.Features?.ReferenceImages,
        Rows = spec.Rows,
        Neighbours = spec.Neighbours,
    };

    /// <summary>What came of it.</summary>
    public static EvaluationResults ToResults(EvaluationReport report) => new()
    {
        BitsPerDimension = report.BitsPerDimension is { } bits ? Of(bits) : null,
        Features = report.Features is { } features ? Of(features) : null,
        SlicedWasserstein = report.SlicedWasserstein is { } distance ? Of(distance) : null,
        SlicedWassersteinOfDataset = report.SlicedWassersteinOfDataset is { } usual ? Of(usual) : null,
        Memorisation = report.Memorisation is { } memorisation ? Of(memorisation) : null,
    };

    private static BitsPerDimensionResults Of(BitsPerDimensionResult bits) => new(
        Of(bits.Total), Of(bits.Prior), Of(bits.Diffusion), Of(bits.Decoder),
        [.. bits.Terms.Select(term => new BoundTermResults(term.FirstTimestep, term.LastTimestep, Of(term.BitsPerDimension), Of(term.MeanSquaredError)))], bits.Images);

    private static FeatureDistanceResults Of(FeatureDistanceResult features) => new(
        features.Fid, features.Kid is { } kid ? Of(kid) : null, features.Images, features.ReferenceImages, features.Dimensions, features.NetworkSha256);

    private static PictureDistanceResults Of(PictureDistanceResult distance) => new(
        Of(distance.Pixels), [.. distance.Levels.Select(level => new LevelDistanceResults(level.Side, Of(level.Distance)))], distance.Average, distance.Images);

    private static MemorisationResults Of(MemorisationResult result) => new(
        result.SampleMedian, result.DatasetMedian,
        [.. result.Closest.Select(row => new SampleNeighboursResults(row.Sample, [.. row.Nearest.Select(near => new NearestPictureResults(near.Index, near.Distance, near.Mirrored))]))],
        result.Images, result.ComparedSide);

    // JSON has no NaN.
    private static Measurement Of(Estimate estimate) => new(estimate.Value, double.IsFinite(estimate.StandardError) ? estimate.StandardError : null);
}
