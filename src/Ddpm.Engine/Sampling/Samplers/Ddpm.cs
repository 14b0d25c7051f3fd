using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Ancestral sampling. Ho et al. 2020, algorithm 2, over all timesteps or some of them.</summary>
internal static class Ddpm
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler, int[] timesteps)
    {
        var schedule = NoiseSchedule.From(config);
        var clip = sampler.ClipRangeFor(config);
        var rows = timesteps.Select((timestep, index) =>
        {
            var alphaCumprod = schedule.AlphasCumprod[timestep];
            var previous = schedule.AlphaCumprodOrOne(index + 1 < timesteps.Length ? timesteps[index + 1] : -1);
            var alpha = alphaCumprod / previous;
            var beta = 1 - alpha;
            // Eq. 7: β̃_t; or β_t, the other choice of §3.2. diffusers keeps it off zero and adds noise at every timestep but 0.
            var variance = Math.Max(config.VarianceType == "fixed_large" ? beta : (1 - previous) / (1 - alphaCumprod) * beta, 1e-20);
            var noise = timestep > 0 ? Math.Sqrt(variance) : 0;
            return clip is null
                // The article's form, eq. 11: μ = (x − β_t / √(1 − ᾱ_t) · ε̂) / √α_t.
                ? Row(1 / Math.Sqrt(alpha), 0, -beta / Math.Sqrt(1 - alphaCumprod) / Math.Sqrt(alpha))
                // Eq. 7: the mean of q(x_{t-1} | x_t, x̂₀), needed where x̂₀ is clipped.
                : Row(Math.Sqrt(alpha) * (1 - previous) / (1 - alphaCumprod), Math.Sqrt(previous) * beta / (1 - alphaCumprod), 0);

            SamplingStep Row(double sample, double original, double epsilon) =>
                new(timestep, Math.Sqrt(alphaCumprod), Math.Sqrt(1 - alphaCumprod), sample, original, epsilon, History: 0, noise);
        });
        return new([.. rows], clip);
    }
}
