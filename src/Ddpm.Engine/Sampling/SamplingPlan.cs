namespace Ddpm.Engine.Sampling;

/// <summary>One step of a run: x' = Sample·x + Original·x̂₀ + Epsilon·ε̂ + History·x̂₀(previous) + Noise·z,
/// where x̂₀ = (x − NoiseRate·ε̂) / SignalRate.</summary>
/// <param name="Timestep">What the network is told.</param>
/// <param name="SignalRate">√ᾱ at this step.</param>
/// <param name="NoiseRate">√(1 − ᾱ) at this step.</param>
/// <param name="Sample">Weight of x.</param>
/// <param name="Original">Weight of x̂₀, clipped where the plan clips.</param>
/// <param name="Epsilon">Weight of ε̂, as the network gave it.</param>
/// <param name="History">Weight of the x̂₀ of the step before.</param>
/// <param name="Noise">Weight of fresh noise z.</param>
public readonly record struct SamplingStep(
    double Timestep, double SignalRate, double NoiseRate, double Sample, double Original, double Epsilon, double History, double Noise);

/// <summary>A sampler is a table: everything that distinguishes DDPM, DDIM and DPM-Solver++ is in these numbers.</summary>
/// <param name="Steps">A row a step, from the noisiest on.</param>
/// <param name="ClipRange">x̂₀ is clipped to ± this at every step; null for no clipping.</param>
public sealed record SamplingPlan(IReadOnlyList<SamplingStep> Steps, double? ClipRange)
{
    /// <summary>Fills the table that a configuration describes.</summary>
    /// <param name="schedule">The model's.</param>
    /// <param name="sampler">What was asked; absent fields take the schedule's or the sampler's defaults.</param>
    /// <exception cref="SamplingException">More steps than T, or a sampler that cannot do what is asked.</exception>
    public static SamplingPlan For(Diffusion.NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        var steps = sampler.StepsFor(schedule);
        var most = sampler.MostSteps(schedule);
        if (steps < 1 || steps > most)
            throw new SamplingException($"steps is {steps}; 1 to {most} is accepted with this sampler on a schedule of {schedule.Timesteps} timesteps.");
        if (sampler.Eta is < 0 or > 1 || double.IsNaN(sampler.Eta))
            throw new SamplingException($"eta is {sampler.Eta}; 0 to 1 is accepted.");
        var timesteps = TimestepsOf(schedule, sampler, steps);
        if (timesteps[0] >= schedule.Timesteps)
        {
            throw new SamplingException(
                $"With steps_offset {schedule.StepsOffset} a run of {steps} steps would begin at timestep {timesteps[0]}; the last of the schedule is {schedule.Timesteps - 1}. Ask for fewer steps.");
        }

        return sampler.Kind switch
        {
            SamplerKind.Ddpm => Samplers.Ddpm.Plan(schedule, sampler, timesteps),
            SamplerKind.Ddim => Samplers.Ddim.Plan(schedule, sampler, timesteps),
            SamplerKind.DpmSolver => Samplers.DpmSolver.Plan(schedule, sampler, timesteps),
            _ => throw new SamplingException($"There is no sampler {sampler.Kind}."),
        };
    }

    private static int[] TimestepsOf(Diffusion.NoiseScheduleConfig schedule, SamplerConfig sampler, int steps) => sampler.Kind == SamplerKind.DpmSolver
        ? Timesteps.Multistep(sampler.SpacingFor(schedule, TimestepSpacing.Linspace), schedule.Timesteps, steps, schedule.StepsOffset)
        : Timesteps.SingleStep(sampler.SpacingFor(schedule, TimestepSpacing.Leading), schedule.Timesteps, steps, schedule.StepsOffset);
}
