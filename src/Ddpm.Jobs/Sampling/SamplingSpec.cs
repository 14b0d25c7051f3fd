using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Sampling;

/// <summary>What pictures to draw, and how. The seed decides the pictures: equal specs give equal bytes.</summary>
public record SamplingSpec
{
    /// <summary>How many pictures. From 1 to 256.</summary>
    [Range(1, 256)]
    public int Count { get; init; } = 16;

    /// <summary>Index of the first picture: picture k of a seed is the same whether drawn alone or among others. From 0 to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int FirstImage { get; init; }

    /// <summary>Decides the noise. From 0 to 2⁵³ − 1.</summary>
    [Range(0, 9_007_199_254_740_991)]
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

    /// <summary>Whether the predicted picture x̂₀ is clipped to its range at every step; null for the model's own.</summary>
    public bool? ClipSample { get; init; }

    /// <summary>Rows of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Rows { get; init; }

    /// <summary>Columns of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Columns { get; init; }

    /// <summary>The spec by itself, without what a record derived from it adds.</summary>
    public SamplingSpec Alone() => new(this);
}

/// <summary>What the samplers are called in requests.</summary>
public static class SamplerNames
{
    /// <summary>Ancestral sampling, Ho et al. 2020, algorithm 2.</summary>
    public const string Ddpm = "ddpm";

    /// <summary>Song et al. 2021.</summary>
    public const string Ddim = "ddim";

    /// <summary>DPM-Solver++ 2M, Lu et al. 2022.</summary>
    public const string DpmSolver = "dpmsolver++";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Ddpm, Ddim, DpmSolver];
}
