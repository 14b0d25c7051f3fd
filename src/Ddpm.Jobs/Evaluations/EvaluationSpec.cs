using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Jobs.Evaluations;

/// <summary>What to measure of a model, and how. The seed decides the numbers: equal specs give equal ones.</summary>
public record EvaluationSpec
{
    /// <summary>Fewest <see cref="Images"/> that say anything.</summary>
    public const int LeastImages = 4;

    /// <summary>Each of <c>bits-per-dim</c>, <c>fid</c>, <c>kid</c>, <c>swd</c> and <c>nearest</c> at most once; <c>fid</c> and <c>kid</c> need features.</summary>
    [Length(1, 5)]
    public IReadOnlyList<string> Metrics { get; init; } = [MetricNames.BitsPerDim, MetricNames.SlicedWasserstein, MetricNames.Nearest];

    /// <summary>Samples to draw, and pictures of the dataset for <c>bits-per-dim</c>. From 4 to 50,000.</summary>
    [Range(LeastImages, 50_000)]
    public int Images { get; init; } = 128;

    /// <summary>Decides samples, noise and every other choice. From 0 to 2⁵³ − 1.</summary>
    [Range(0, 9_007_199_254_740_991)]
    public long Seed { get; init; }

    /// <summary>How samples are drawn, as in sample requests; null for the model's own, or <c>ddim</c> where that is <c>ddpm</c>.</summary>
    [AllowedValues(
        null, SamplerNames.Ddpm, SamplerNames.Ddim, SamplerNames.DpmSolver, SamplerNames.SdeDpmSolver, SamplerNames.Euler, SamplerNames.Heun, SamplerNames.UniPc,
        ErrorMessage = $"must be {SamplerNames.Ddpm}, {SamplerNames.Ddim}, {SamplerNames.DpmSolver}, {SamplerNames.SdeDpmSolver}, {SamplerNames.Euler}, {SamplerNames.Heun} or {SamplerNames.UniPc}")]
    public string? Sampler { get; init; }

    /// <summary>Steps of a sample, from 1 to the model's number of timesteps. Without it: ddpm all, ddim 50, heun 13, the others 25.</summary>
    [Range(1, 10_000)]
    public int? Steps { get; init; }

    /// <summary>For ddim: the share of fresh noise. From 0 (deterministic) to 1 (ddpm's variance).</summary>
    [Range(0.0, 1.0)]
    public double Eta { get; init; }

    /// <summary>For <c>bits-per-dim</c>: timesteps evaluated for each picture, from 2 to 10,000; null for all.</summary>
    [Range(2, 10_000)]
    public int? Terms { get; init; } = 50;

    /// <summary>For <c>fid</c> and <c>kid</c>: the network that they are distances of.</summary>
    public FeatureSpec? Features { get; init; }

    /// <summary>For <c>nearest</c>: samples shown, those nearest to the dataset. From 1 to 64.</summary>
    [Range(1, 64)]
    public int Rows { get; init; } = 16;

    /// <summary>For <c>nearest</c>: pictures of the dataset beside each. From 1 to 16.</summary>
    [Range(1, 16)]
    public int Neighbours { get; init; } = 5;

    /// <summary>The spec by itself, without what a record derived from it adds.</summary>
    public EvaluationSpec Alone() => new(this);

    /// <summary>How its samples are drawn.</summary>
    public SamplingSpec Sampling() => new() { Seed = Seed, Sampler = Sampler, Steps = Steps, Eta = Eta };
}

/// <summary>A feature network: a TorchScript file that the administrator has placed for the workers (<c>Worker:FeatureNetworks</c>).</summary>
public sealed record FeatureSpec
{
    /// <summary>Name of the file: letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, from 1 to 100, the first a letter or digit.</summary>
    [RegularExpression("^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", ErrorMessage = "must be the name of a file, without folders: 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit")]
    public required string Network { get; init; }

    /// <summary>Side that it takes, in pixels, from 32 to 1024; 0 shows pictures at their own size.</summary>
    [Range(0, 1024)]
    public int Size { get; init; } = 299;

    /// <summary>Values that it takes: <c>0..1</c>, <c>-1..1</c> or <c>0..255</c> (bytes).</summary>
    [AllowedValues("0..1", "-1..1", "0..255", ErrorMessage = "must be 0..1, -1..1 or 0..255")]
    public string Range { get; init; } = "0..1";

    /// <summary>At most so many pictures of the dataset, from 4 to 1,000,000; null for all.</summary>
    [Range(4, 1_000_000)]
    public int? ReferenceImages { get; init; }
}

/// <summary>What the metrics are called in requests.</summary>
public static class MetricNames
{
    /// <summary>The variational bound.</summary>
    public const string BitsPerDim = "bits-per-dim";

    /// <summary>Fréchet distance of features.</summary>
    public const string Fid = "fid";

    /// <summary>Kernel distance of features.</summary>
    public const string Kid = "kid";

    /// <summary>Sliced Wasserstein distance.</summary>
    public const string SlicedWasserstein = "swd";

    /// <summary>Nearest pictures of the dataset.</summary>
    public const string Nearest = "nearest";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [BitsPerDim, Fid, Kid, SlicedWasserstein, Nearest];
}
