using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Ancestral sampling. Ho et al. 2020, algorithm 2, over all timesteps or some of them.</summary>
internal static class Ddpm
{
    private const float LeastVariance = 1e-20f; // diffusers'

    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var schedule = NoiseSchedule.From(config);
        var timesteps = Timesteps.SingleStep(config, sampler);
        var bound = sampler.BoundFor(config);
        var articlesForm = bound is null && config.Prediction == PredictionType.Epsilon;
        var rows = timesteps.Select((timestep, index) =>
        {
            // In float32, as diffusers: 1 − ᾱ_t / ᾱ_prev cancels, and neither its means nor its variances could be met otherwise.
            var alphaCumprod = (float)schedule.AlphasCumprod[timestep];
            var previous = (float)schedule.AlphaCumprodOrOne(index + 1 < timesteps.Length ? timesteps[index + 1] : -1);
            var alpha = alphaCumprod / previous;
            var beta = 1 - alpha;
            var (signalRate, noiseRate) = (Math.Sqrt(alphaCumprod), Math.Sqrt(1.0 - alphaCumprod));
            // Eq. 7: β̃_t; or β_t, the other choice of §3.2. diffusers keeps the smaller off zero and adds noise at every timestep but 0.
            var smallVariance = Math.Max((1 - previous) / (1 - alphaCumprod) * beta, LeastVariance);
            var row = new SamplingStep(timestep, signalRate, noiseRate, Estimate.At(config.Prediction, signalRate, noiseRate));
            row = articlesForm
                // The article's form, eq. 11: μ = (x − β_t / √(1 − ᾱ_t) · ε̂) / √α_t.
                ? row with { Sample = 1 / Math.Sqrt(alpha), Epsilon = -beta / noiseRate / Math.Sqrt(alpha) }
                // Eq. 7: the mean of q(x_{t-1} | x_t, x̂₀), needed where x̂₀ is bounded.
                : row with { Sample = Math.Sqrt(alpha) * (1 - previous) / (1 - alphaCumprod), Original = Math.Sqrt(previous) * beta / (1 - alphaCumprod) };
            return timestep == 0 ? row : config.VarianceType switch
            {
                "learned_range" => row with { Noise = 1, LogVariance = (Math.Log(smallVariance), Math.Log(beta)) },
                "fixed_large" or "fixed_large_log" => row with { Noise = Math.Sqrt(beta) },
                _ => row with { Noise = Math.Sqrt(smallVariance) },
            };
        });
        return new([.. rows.Skip(sampler.Skipped)], bound);
    }
}
