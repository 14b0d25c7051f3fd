using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Denoising diffusion implicit models. Song et al. 2021.</summary>
internal static class Ddim
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var schedule = NoiseSchedule.From(config);
        var timesteps = Timesteps.SingleStep(config, sampler);
        // Where the timesteps are evenly spaced, diffusers always steps to t − ⌊T / n⌋, whatever the next entry of the schedule is.
        var evenly = sampler.Timesteps is null && sampler.SpacingFor(config) != TimestepSpacing.Quadratic;
        var stride = config.Timesteps / timesteps.Length;
        var rows = timesteps.Select((timestep, index) =>
        {
            var next = evenly ? timestep - stride : index + 1 < timesteps.Length ? timesteps[index + 1] : -1;
            var alphaCumprod = schedule.AlphasCumprod[timestep];
            var previous = next >= 0 ? schedule.AlphasCumprod[next] : config.SetAlphaToOne ? 1 : schedule.AlphasCumprod[0];
            var (signalRate, noiseRate) = (Math.Sqrt(alphaCumprod), Math.Sqrt(1 - alphaCumprod));
            // Eq. 16: σ = η·√((1 − ᾱ_prev) / (1 − ᾱ_t))·√(1 − ᾱ_t / ᾱ_prev).
            var deviation = sampler.Eta * Math.Sqrt((1 - previous) / (1 - alphaCumprod) * (1 - (alphaCumprod / previous)));
            // Eq. 12: x̂₀ scaled to the new level, the direction to x_t, and fresh noise.
            var direction = Math.Sqrt(Math.Max(1 - previous - (deviation * deviation), 0));
            var row = new SamplingStep(timestep, signalRate, noiseRate, Estimate.At(config.Prediction, signalRate, noiseRate)) { Noise = deviation };
            return sampler.UseClippedModelOutput
                // ε̂ = (x − √ᾱ·x̂₀) / √(1 − ᾱ), put in.
                ? row with { Sample = direction / noiseRate, Original = Math.Sqrt(previous) - (direction * signalRate / noiseRate) }
                : row with { Original = Math.Sqrt(previous), Epsilon = direction };
        });
        return new([.. rows.Skip(sampler.Skipped)], sampler.BoundFor(config));
    }
}
