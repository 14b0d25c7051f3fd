using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Euler's method for dx/dσ = (x − x̂₀) / σ. Karras et al. 2022, algorithm 2 without its correction. Their x is ours times √(σ² + 1).</summary>
internal static class Euler
{
    private static readonly double MostChurn = Math.Sqrt(2) - 1;

    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var ladder = SigmaLadder.For(config, sampler);
        return new([.. Enumerable.Range(0, ladder.Steps).Select(step => Row(config, sampler, ladder, step))], sampler.BoundFor(config), InitialScale(config, sampler, ladder));
    }

    /// <summary>diffusers begins at σ·z instead of √(σ² + 1)·z where the first level is meant to be the last of training.</summary>
    public static double InitialScale(NoiseScheduleConfig config, SamplerConfig sampler, SigmaLadder ladder) =>
        sampler.SpacingFor(config) == TimestepSpacing.Leading ? 1 : ladder.NoiseRate(0);

    private static SamplingStep Row(NoiseScheduleConfig config, SamplerConfig sampler, SigmaLadder ladder, int step)
    {
        var (sigma, next) = (ladder.Sigmas[step], ladder.Sigmas[step + 1]);
        var (signalRate, noiseRate, nextSignalRate) = (ladder.SignalRate(step), ladder.NoiseRate(step), ladder.SignalRate(step + 1));
        var churn = sampler.Churn is { } asked && sigma >= asked.SigmaMin && sigma <= asked.SigmaMax ? asked : new EulerChurn(0);
        var raised = sigma * (1 + Math.Min(churn.Amount / ladder.Steps, MostChurn));
        // With ε prediction the noise added back is taken out again with the network's ε̂; the other two are not told of it.
        var estimate = config.Prediction == PredictionType.Epsilon
            ? new Estimate(1 / signalRate, -raised, 0, 1)
            : Estimate.At(config.Prediction, signalRate, noiseRate);
        return new SamplingStep(ladder.Timesteps[step], signalRate, noiseRate, estimate)
        {
            Churn = signalRate * churn.NoiseScale * Math.Sqrt(Math.Max((raised * raised) - (sigma * sigma), 0)),
            Sample = nextSignalRate / signalRate * (next / raised),
            Original = nextSignalRate * (1 - (next / raised)),
        };
    }
}
