using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>A sampler is a table: everything that distinguishes one from another is in these numbers.</summary>
/// <param name="Steps">A row for each network call, from the noisiest on.</param>
/// <param name="Bound">What x̂₀ is kept within at every step; null for no bound.</param>
/// <param name="InitialScale">A run begins at x_T = InitialScale·z. 1, but for diffusers' Euler and Heun, where it is a little less.</param>
public sealed record SamplingPlan(IReadOnlyList<SamplingStep> Steps, OriginalBound? Bound, double InitialScale = 1)
{
    /// <summary>Fills the table that a configuration describes.</summary>
    /// <param name="schedule">The model's.</param>
    /// <param name="sampler">What was asked; absent fields take the schedule's or the sampler's defaults.</param>
    /// <param name="strength">The part of the run that is done, from its clean end, 0 to 1: less than 1 for one that begins with a picture.</param>
    /// <exception cref="SamplingException">More steps than T, or a sampler that cannot do what is asked.</exception>
    public static SamplingPlan For(NoiseScheduleConfig schedule, SamplerConfig sampler, double strength = 1)
    {
        if (sampler.Faults(schedule).ToList() is [var fault, ..])
            throw new SamplingException(fault);
        var steps = sampler.StepsFor(schedule);
        sampler = sampler with { Skipped = steps - (int)Math.Round(strength * steps) };
        var plan = sampler.KindFor(schedule) switch
        {
            SamplerKind.Ddpm => Samplers.Ddpm.Plan(schedule, sampler),
            SamplerKind.Ddim => Samplers.Ddim.Plan(schedule, sampler),
            SamplerKind.DpmSolver => Samplers.DpmSolver.Plan(schedule, sampler),
            SamplerKind.SdeDpmSolver => Samplers.DpmSolver.Plan(schedule, sampler),
            SamplerKind.Euler => Samplers.Euler.Plan(schedule, sampler),
            SamplerKind.Heun => Samplers.Heun.Plan(schedule, sampler),
            _ => Samplers.UniPc.Plan(schedule, sampler),
        };
        return plan;
    }

    /// <summary>√ᾱ and √(1 − ᾱ) of the level at which a step begins; 1 and 0, the clean picture's, after the last.</summary>
    internal (double SignalRate, double NoiseRate) RatesBefore(int step) => step < Steps.Count ? (Steps[step].SignalRate, Steps[step].NoiseRate) : (1, 0);
}

/// <summary>What keeps x̂₀ in the range of pictures.</summary>
/// <param name="Range">x̂₀ is clipped to ± this. With a quantile: the highest bound, at least 1.</param>
/// <param name="Quantile">Null for clipping. Otherwise dynamic thresholding (Saharia et al. 2022, §2.3): this quantile of |x̂₀| of each picture, kept
/// within [1, Range], is where that picture is clipped and what it is then divided by.</param>
public sealed record OriginalBound(double Range, double? Quantile = null);
