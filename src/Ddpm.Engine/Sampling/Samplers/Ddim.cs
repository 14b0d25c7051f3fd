using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Denoising diffusion implicit models. Song et al. 2021.</summary>
internal static class Ddim
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler, int[] timesteps)
    {
        var schedule = NoiseSchedule.From(config);
        var rows = timesteps.Select(timestep =>
        {
            var alphaCumprod = schedule.AlphasCumprod[timestep];
            // diffusers always steps to t − ⌊T / n⌋, whatever the next entry of the schedule is.
            var next = timestep - (config.Timesteps / timesteps.Length);
            var previous = next >= 0 ? schedule.AlphasCumprod[next] : config.SetAlphaToOne ? 1 : schedule.AlphasCumprod[0];
            // Eq. 16: σ = η·√((1 − ᾱ_prev) / (1 − ᾱ_t))·√(1 − ᾱ_t / ᾱ_prev).
            var variance = (1 - previous) / (1 - alphaCumprod) * (1 - (alphaCumprod / previous));
            var deviation = sampler.Eta * Math.Sqrt(variance);
            // Eq. 12: x̂₀ scaled to the new level, the direction to x_t, and fresh noise.
            var (signalRate, noiseRate) = (Math.Sqrt(alphaCumprod), Math.Sqrt(1 - alphaCumprod));
            var direction = Math.Sqrt(Math.Max(1 - previous - (deviation * deviation), 0));
            return sampler.UseClippedModelOutput
                // ε̂ = (x − √ᾱ·x̂₀) / √(1 − ᾱ), put in.
                ? new SamplingStep(timestep, signalRate, noiseRate, direction / noiseRate, Math.Sqrt(previous) - (direction * signalRate / noiseRate), Epsilon: 0, History: 0, deviation)
                : new SamplingStep(timestep, signalRate, noiseRate, Sample: 0, Math.Sqrt(previous), direction, History: 0, deviation);
        });
        return new([.. rows], sampler.ClipRangeFor(config));
    }
}
