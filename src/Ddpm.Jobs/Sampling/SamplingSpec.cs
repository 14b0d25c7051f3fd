using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Sampling;

/// <summary>What pictures to draw, and how. The seed decides the pictures: equal specs give equal bytes on a CPU; on a GPU, where pictures share calls, up to rounding.</summary>
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

    /// <summary><c>ddpm</c> (Ho et al. 2020), <c>ddim</c> (Song et al. 2021), <c>dpmsolver++</c> and <c>sde-dpmsolver++</c> (Lu et al. 2022), <c>euler</c> and
    /// <c>heun</c> (Karras et al. 2022) or <c>unipc</c> (Zhao et al. 2023); null for the one the model's scheduler file names, or ddim where that is ddpm.</summary>
    [AllowedValues(
        null, SamplerNames.Ddpm, SamplerNames.Ddim, SamplerNames.DpmSolver, SamplerNames.SdeDpmSolver, SamplerNames.Euler, SamplerNames.Heun, SamplerNames.UniPc,
        ErrorMessage = $"must be {SamplerNames.Ddpm}, {SamplerNames.Ddim}, {SamplerNames.DpmSolver}, {SamplerNames.SdeDpmSolver}, {SamplerNames.Euler}, {SamplerNames.Heun} or {SamplerNames.UniPc}")]
    public string? Sampler { get; init; }

    /// <summary>Steps of a run, from 1 to the model's number of timesteps (usually 1000). Without it: ddpm all, ddim 50, heun 13, the others 25. Each is one
    /// network call a picture, with heun two but for the last.</summary>
    [Range(1, 10_000)]
    public int? Steps { get; init; }

    /// <summary>The timesteps to visit, falling, instead of steps and a spacing. Each from 0 to below the model's number of timesteps.</summary>
    [Length(1, 10_000)]
    public IReadOnlyList<int>? Timesteps { get; init; }

    /// <summary>For ddim: the share of fresh noise. From 0 (deterministic) to 1 (ddpm's variance).</summary>
    [Range(0.0, 1.0)]
    public double Eta { get; init; }

    /// <summary>Which timesteps a short run visits: <c>leading</c>, <c>trailing</c>, <c>linspace</c> or <c>quadratic</c>; null for the model's own.</summary>
    [AllowedValues(null, "leading", "trailing", "linspace", "quadratic", ErrorMessage = "must be leading, trailing, linspace or quadratic")]
    public string? TimestepSpacing { get; init; }

    /// <summary>For dpmsolver++, sde-dpmsolver++ and unipc: the order of the solver, from 1 to 3; null for the model's own, or 2.</summary>
    [Range(1, 3)]
    public int? Order { get; init; }

    /// <summary>For all but ddpm and ddim: whether noise levels are spaced as by Karras et al. 2022; null for the model's own, or not.</summary>
    public bool? Karras { get; init; }

    /// <summary>Classes to draw, for a class-conditional model: one for all pictures, or one for each. Each from 0 to below the model's number of classes.
    /// Null or none for pictures of no class, which a model trained with label dropout can draw.</summary>
    [MaxLength(256)]
    public IReadOnlyList<int>? ClassLabels { get; init; }

    /// <summary>Classifier-free guidance (Ho &amp; Salimans 2022): 1 for none, more for pictures that are more like their class, 0 for no class. From 0 to 100.</summary>
    [Range(0.0, 100.0)]
    public double GuidanceScale { get; init; } = 1;

    /// <summary>Whether the predicted picture x̂₀ is clipped to its range at every step; null for the model's own.</summary>
    public bool? ClipSample { get; init; }

    /// <summary>What the network computes in: <c>float32</c>; <c>bfloat16</c>, faster and nearly the same pictures; on a GPU also <c>tfloat32</c> and <c>float16</c>.</summary>
    [AllowedValues("float32", "tfloat32", "bfloat16", "float16", ErrorMessage = "must be float32, tfloat32, bfloat16 or float16")]
    public string Precision { get; init; } = "float32";

    /// <summary>Rows of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Rows { get; init; }

    /// <summary>Columns of the grid, from 1 to 256; null for as square as may be.</summary>
    [Range(1, 256)]
    public int? Columns { get; init; }

    /// <summary>Whether the way from noise to the pictures is kept too, as an animation: what the network takes them to be after each of at most 50 steps.</summary>
    public bool Trajectory { get; init; }

    /// <summary>What the pictures are drawn from besides noise; null for nothing. The pictures that it needs are the fields picture, toPicture and mask.</summary>
    public GuideSpec? Guide { get; init; }

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

    /// <summary>DPM-Solver++, Lu et al. 2022.</summary>
    public const string DpmSolver = "dpmsolver++";

    /// <summary>DPM-Solver++ for the stochastic equation, Lu et al. 2022.</summary>
    public const string SdeDpmSolver = "sde-dpmsolver++";

    /// <summary>Euler's method, Karras et al. 2022.</summary>
    public const string Euler = "euler";

    /// <summary>Heun's method, Karras et al. 2022.</summary>
    public const string Heun = "heun";

    /// <summary>UniPC, Zhao et al. 2023.</summary>
    public const string UniPc = "unipc";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Ddpm, Ddim, DpmSolver, SdeDpmSolver, Euler, Heun, UniPc];
}
