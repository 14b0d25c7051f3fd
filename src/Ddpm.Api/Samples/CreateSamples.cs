using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>What pictures to draw, with which network, and how. Every field is optional; the seed decides the pictures.</summary>
internal sealed record CreateSamples
{
    /// <summary>A model's name. At most one of model, checkpointId and trainingRunId; none means the default model.</summary>
    [StringLength(64, MinimumLength = 1)]
    public string? Model { get; init; }

    /// <summary>A checkpoint's id.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>A training run's id: its newest checkpoint is used.</summary>
    public Guid? TrainingRunId { get; init; }

    /// <summary>How many pictures. From 1 to 256.</summary>
    [Range(1, 256)]
    public int Count { get; init; } = 16;

    /// <summary>Index of the first picture: picture k of a seed is the same whether drawn alone or among others. From 0 to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int FirstImage { get; init; }

    /// <summary>Decides the noise. From 0 to 2⁵³ − 1.</summary>
    [Range(0.0, 9_007_199_254_740_991.0)]
    public long Seed { get; init; }

    /// <summary><c>ddpm</c> (Ho et al. 2020), <c>ddim</c> (Song et al. 2021) or <c>dpmsolver++</c> (2M, Lu et al. 2022).</summary>
    [AllowedValues(SamplerNames.Ddpm, SamplerNames.Ddim, SamplerNames.DpmSolver, ErrorMessage =
        $"must be {SamplerNames.Ddpm}, {SamplerNames.Ddim} or {SamplerNames.DpmSolver}")]
    public string Sampler { get; init; } = SamplerNames.Ddim;

    /// <summary>Network calls per picture, from 1 to the model's number of timesteps (usually 1000). Without it: ddpm all, ddim 50, dpmsolver++ 25.</summary>
    [Range(1, 10_000)]
    public int? Steps { get; init; }

    /// <summary>For ddim: the share of fresh noise. From 0 (deterministic) to 1 (ddpm's variance).</summary>
    [Range(0.0, 1.0)]
    public double Eta { get; init; }

    /// <summary>Which timesteps a short run visits: <c>leading</c>, <c>trailing</c> or <c>linspace</c>; null for the model's own.</summary>
    [AllowedValues(null, "leading", "trailing", "linspace", ErrorMessage = "must be leading, trailing or linspace")]
    public string? TimestepSpacing { get; init; }

    /// <summary>Whether the predicted picture is clipped to its range at every step; null for the model's own.</summary>
    public bool? ClipSample { get; init; }

    /// <summary>Rows of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Rows { get; init; }

    /// <summary>Columns of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Columns { get; init; }

    public SamplingSpec ToSpec(int steps) => new()
    {
        Count = Count,
        FirstImage = FirstImage,
        Seed = Seed,
        Sampler = Sampler,
        Steps = steps,
        Eta = Eta,
        TimestepSpacing = TimestepSpacing,
        ClipSample = ClipSample,
        Rows = Rows ?? (Columns is { } columns ? (Count + columns - 1) / columns : null),
        Columns = Columns ?? (Rows is { } rows ? (Count + rows - 1) / rows : null),
    };
}
