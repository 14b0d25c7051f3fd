using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>Heun's method for dx/dσ = (x − x̂₀) / σ: the mean of the slopes at both ends of a step. Karras et al. 2022, algorithm 1. The last step,
/// to σ = 0, has no second slope. Their x is ours times √(σ² + 1).</summary>
internal static class Heun
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var ladder = SigmaLadder.For(config, sampler);
        return new([.. Enumerable.Range(0, ladder.Steps).SelectMany(step => Rows(config, ladder, step))], sampler.BoundFor(config), Euler.InitialScale(config, sampler, ladder));
    }

    private static IEnumerable<SamplingStep> Rows(NoiseScheduleConfig config, SigmaLadder ladder, int step)
    {
        var (sigma, next) = (ladder.Sigmas[step], ladder.Sigmas[step + 1]);
        var (signalRate, nextSignalRate) = (ladder.SignalRate(step), ladder.SignalRate(step + 1));
        var slope = (next - sigma) / sigma; // of x̂₀ − x, times the step
        yield return new SamplingStep(ladder.Timesteps[step], signalRate, ladder.NoiseRate(step), EstimateAt(step))
        {
            Sample = nextSignalRate / signalRate * (1 + slope),
            Original = -nextSignalRate * slope,
            // Where half the step leads: the second call adds the other half.
            Memory = new Blend(nextSignalRate / signalRate * (1 + (slope / 2)), -nextSignalRate * slope / 2, 0),
        };
        if (next == 0)
            yield break;
        var nextSlope = (next - sigma) / next;
        yield return new SamplingStep(ladder.Timesteps[step + 1], nextSignalRate, ladder.NoiseRate(step + 1), EstimateAt(step + 1))
        {
            History1 = 1,
            Sample = nextSlope / 2,
            Original = -nextSignalRate * nextSlope / 2,
        };

        Estimate EstimateAt(int level) => Estimate.At(config.Prediction, ladder.SignalRate(level), ladder.NoiseRate(level));
    }
}
