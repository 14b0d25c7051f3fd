using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>Which table a run follows.</summary>
public enum SamplerKind
{
    /// <summary>Ancestral sampling. Ho et al. 2020, algorithm 2.</summary>
    Ddpm,

    /// <summary>Denoising diffusion implicit models. Song et al. 2021, eq. 12.</summary>
    Ddim,

    /// <summary>DPM-Solver++ 2M. Lu et al. 2022, algorithm 2.</summary>
    DpmSolver,
}

/// <summary>A sampler and its settings. What is null takes the model's or the sampler's default.</summary>
public sealed record SamplerConfig
{
    /// <summary>Which table.</summary>
    public SamplerKind Kind { get; init; } = SamplerKind.Ddim;

    /// <summary>Network calls a picture, from 1 to T; null for the default: DDPM T, DDIM 50, DPM-Solver++ 25 (never more than T).</summary>
    public int? Steps { get; init; }

    /// <summary>DDIM's η: 0 is deterministic, 1 has DDPM's variance. From 0 to 1; ignored by the others.</summary>
    public double Eta { get; init; }

    /// <summary>Which timesteps a short run visits; null for the schedule's (or diffusers' default of the sampler's class).</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Whether x̂₀ is clipped; null for the schedule's. (diffusers' DPM-Solver++ never clips: false gives its numbers.)</summary>
    public bool? ClipSample { get; init; }

    /// <summary>DDIM: whether ε̂ is worked out again from the clipped x̂₀. (diffusers' <c>use_clipped_model_output</c>, false by default.)</summary>
    public bool UseClippedModelOutput { get; init; }

    /// <summary>The steps of a run on this schedule.</summary>
    public int StepsFor(NoiseScheduleConfig schedule) => Steps ?? Math.Min(
        MostSteps(schedule),
        Kind switch { SamplerKind.Ddpm => schedule.Timesteps, SamplerKind.Ddim => 50, _ => 25 });

    /// <summary>The most steps a run on this schedule can have: T, or one less where a multistep solver needs n + 1 different timesteps.</summary>
    public int MostSteps(NoiseScheduleConfig schedule) =>
        Kind == SamplerKind.DpmSolver && SpacingFor(schedule, TimestepSpacing.Linspace) != TimestepSpacing.Trailing
            ? Math.Max(1, schedule.Timesteps - 1)
            : schedule.Timesteps;

    internal TimestepSpacing SpacingFor(NoiseScheduleConfig schedule, TimestepSpacing classDefault) =>
        Spacing ?? (schedule.TimestepSpacing is { } name ? Enum.Parse<TimestepSpacing>(name, ignoreCase: true) : classDefault);

    internal double? ClipRangeFor(NoiseScheduleConfig schedule) => ClipSample ?? schedule.ClipSample ? schedule.ClipSampleRange : null;
}
