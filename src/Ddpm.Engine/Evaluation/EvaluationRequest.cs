using Ddpm.Engine.Evaluation.Features;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Evaluation;

/// <summary>What can be measured of a model.</summary>
public enum EvaluationMetric
{
    /// <summary>The variational bound on a dataset: <see cref="Likelihood.BitsPerDimension"/>.</summary>
    BitsPerDimension,

    /// <summary>Fréchet distance of features: <see cref="Features.FrechetDistance"/>.</summary>
    Fid,

    /// <summary>Kernel distance of features: <see cref="Features.KernelDistance"/>.</summary>
    Kid,

    /// <summary>Sliced Wasserstein distance: <see cref="Wasserstein.PictureDistance"/>.</summary>
    SlicedWasserstein,

    /// <summary>Nearest pictures of the dataset: <see cref="Memorisation.MemorisationCheck"/>.</summary>
    Nearest,
}

/// <summary>The names of <see cref="EvaluationMetric"/> in requests.</summary>
public static class EvaluationMetrics
{
    private static readonly Dictionary<string, EvaluationMetric> ByName = new()
    {
        ["bits-per-dim"] = EvaluationMetric.BitsPerDimension,
        ["fid"] = EvaluationMetric.Fid,
        ["kid"] = EvaluationMetric.Kid,
        ["swd"] = EvaluationMetric.SlicedWasserstein,
        ["nearest"] = EvaluationMetric.Nearest,
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The metric of a name.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public static EvaluationMetric Parse(string name) =>
        ByName.TryGetValue(name, out var metric) ? metric : throw new ArgumentException($"There is no metric '{name}'; there are {string.Join(", ", Names)}.", nameof(name));
}

/// <summary>What is to be measured, and how.</summary>
public sealed record EvaluationRequest
{
    /// <summary>At least one. <see cref="EvaluationMetric.Fid"/> and <see cref="EvaluationMetric.Kid"/> need <see cref="Features"/>.</summary>
    public required IReadOnlySet<EvaluationMetric> Metrics { get; init; }

    /// <summary>Samples to draw, and pictures of the dataset to bound the likelihood of. From 4 to 100,000; default 128.</summary>
    public int Images { get; init; } = 128;

    /// <summary>Decides samples, noise and all other choices.</summary>
    public ulong Seed { get; init; }

    /// <summary>How samples are drawn.</summary>
    public SamplerConfig Sampler { get; init; } = new();

    /// <summary>Bits per dimension: timesteps evaluated for each picture, from 2; null for all.</summary>
    public int? Timesteps { get; init; } = 50;

    /// <summary>FID and KID: at most so many pictures of the dataset, from 4; null for all.</summary>
    public int? ReferenceImages { get; init; }

    /// <summary>FID and KID: what they are distances of. Borrowed.</summary>
    public FeatureNetwork? Features { get; init; }

    /// <summary>FID and KID: a folder that remembers the features of datasets; null to work them out each time.</summary>
    public string? Cache { get; init; }

    /// <summary>Nearest: samples shown, those that lie nearest to the dataset. At least 1.</summary>
    public int Rows { get; init; } = 16;

    /// <summary>Nearest: pictures of the dataset beside each. At least 1.</summary>
    public int Neighbours { get; init; } = 5;

    /// <summary>Asked, before some hundred samples are drawn, for the memory that takes, all samples included; what it returns is disposed when they are drawn. Null for nobody.</summary>
    public Func<SamplingMemory, IDisposable>? TakeRoom { get; init; }

    /// <summary>CPU threads; null for <see cref="TorchRuntime.Threads"/>.</summary>
    public int? Threads { get; init; }
}
