using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>DPM-Solver++ 2M, the midpoint form. Lu et al. 2022, algorithm 2; first order at the first and the last step.</summary>
internal static class DpmSolver
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler, int[] timesteps)
    {
        var schedule = NoiseSchedule.From(config);
        // One more level than steps: the run ends at the clean picture, α = 1 and σ = 0.
        double[] alphas = [.. timesteps.Select(timestep => Math.Sqrt(schedule.AlphasCumprod[timestep])), 1];
        double[] sigmas = [.. timesteps.Select(timestep => Math.Sqrt(1 - schedule.AlphasCumprod[timestep])), 0];
        var lambdas = alphas.Zip(sigmas, (alpha, sigma) => Math.Log(alpha) - Math.Log(sigma)).ToArray(); // half log-SNR, ∞ at the end

        var rows = timesteps.Select((timestep, index) =>
        {
            var h = lambdas[index + 1] - lambdas[index];
            var decay = Math.Exp(-h); // 0 at the last step
            // D₁ is the slope of x̂₀ in λ; the first step has no history, and with h = ∞ at the last one x̂₀ itself is the answer.
            var slope = index == 0 || index == timesteps.Length - 1 ? 0 : 0.5 * h / (lambdas[index] - lambdas[index - 1]);
            var gain = alphas[index + 1] * (1 - decay);
            return new SamplingStep(
                timestep, alphas[index], sigmas[index],
                Sample: sigmas[index + 1] / sigmas[index], Original: gain * (1 + slope), Epsilon: 0, History: -gain * slope, Noise: 0);
        });
        // diffusers' multistep solvers ignore clip_sample. Ours follow it, as the paper's thresholding (§4.3) means to: near x_T an error in ε̂ is
        // multiplied by 1 / α = 158, and without a bound a half-trained model draws nothing but saturated noise.
        return new([.. rows], sampler.ClipRangeFor(config));
    }
}
