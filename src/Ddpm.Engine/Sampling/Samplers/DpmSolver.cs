using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>DPM-Solver++, multistep, for the ordinary or the stochastic equation. Lu et al. 2022 (DPM-Solver++), algorithm 2 and §5; with
/// <c>dpmsolver</c> the older one, which integrates ε̂ instead of x̂₀: Lu et al. 2022 (DPM-Solver), appendix.</summary>
internal static class DpmSolver
{
    private const int ShortRun = 15; // diffusers lowers the order at the end of shorter runs

    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var algorithm = sampler.KindFor(config) == SamplerKind.SdeDpmSolver ? "sde-dpmsolver++"
            : sampler.Kind is null && config.Solver.AlgorithmType == "dpmsolver" ? "dpmsolver" // where ++ is asked for, it is ++
            : "dpmsolver++";
        if (algorithm == "dpmsolver" && config.Solver.FinalSigmasType != "sigma_min")
            throw new SamplingException("algorithm_type dpmsolver integrates ε̂, which says nothing at the clean picture: final_sigmas_type must be sigma_min.");
        var ladder = SigmaLadder.For(config, sampler);
        var bound = sampler.BoundFor(config);
        return new([.. Enumerable.Range(0, ladder.Steps).Select(step => Row(config, sampler, ladder, algorithm, step, bound is not null))], bound);
    }

    private static SamplingStep Row(NoiseScheduleConfig config, SamplerConfig sampler, SigmaLadder ladder, string algorithm, int step, bool bounded)
    {
        var (signalRate, noiseRate) = (ladder.SignalRate(step), ladder.NoiseRate(step));
        var (nextSignalRate, nextNoiseRate) = (ladder.SignalRate(step + 1), ladder.NoiseRate(step + 1));
        var h = ladder.Lambda(step + 1) - ladder.Lambda(step); // ∞ at the last step to σ = 0
        var heun = config.Solver.SolverType == "heun";
        // D₀ is the newest estimate, D₁ its slope and D₂ its curvature in λ; each integrates to a coefficient.
        var (sample, d0, d1, d2, noise) = algorithm switch
        {
            "dpmsolver++" => (nextNoiseRate / noiseRate,
                -nextSignalRate * Exponential.MinusOne(-h),
                heun || OrderAt() == 3 ? nextSignalRate * ((Exponential.MinusOne(-h) / h) + 1) : -0.5 * nextSignalRate * Exponential.MinusOne(-h),
                -nextSignalRate * (((Exponential.MinusOne(-h) + h) / (h * h)) - 0.5), 0),
            "sde-dpmsolver++" => (nextNoiseRate / noiseRate * Math.Exp(-h),
                -nextSignalRate * Exponential.MinusOne(-2 * h),
                heun || OrderAt() == 3 ? nextSignalRate * ((Exponential.MinusOne(-2 * h) / (2 * h)) + 1) : -0.5 * nextSignalRate * Exponential.MinusOne(-2 * h),
                nextSignalRate * (((-Exponential.MinusOne(-2 * h) - (2 * h)) / (4 * h * h)) - 0.5), nextNoiseRate * Math.Sqrt(-Exponential.MinusOne(-2 * h))),
            _ => (nextSignalRate / signalRate,
                -nextNoiseRate * Exponential.MinusOne(h),
                heun || OrderAt() == 3 ? -nextNoiseRate * ((Exponential.MinusOne(h) / h) - 1) : -0.5 * nextNoiseRate * Exponential.MinusOne(h),
                -nextNoiseRate * (((Exponential.MinusOne(h) - h) / (h * h)) - 0.5), 0.0),
        };
        var (now, before, earlier) = OrderAt() switch
        {
            1 => (d0, 0.0, 0.0),
            2 => SecondOrder(),
            _ => ThirdOrder(),
        };
        var row = new SamplingStep(ladder.Timesteps[step], signalRate, noiseRate, Estimate.At(config.Prediction, signalRate, noiseRate))
        {
            Sample = sample,
            History1 = before,
            History2 = earlier,
            Noise = noise,
        };
        if (algorithm != "dpmsolver")
            return row with { Original = now, Memory = new Blend(0, 1, 0) };
        return bounded
            // ε̂ = (x − √ᾱ·x̂₀) / √(1 − ᾱ) of the bounded x̂₀, put in.
            ? row with { Sample = sample + (now / noiseRate), Original = -now * signalRate / noiseRate, Memory = new Blend(1 / noiseRate, -signalRate / noiseRate, 0) }
            : row with { Epsilon = now, Memory = new Blend(0, 0, 1) };

        // What of the run so far there is to look back on, and first order at its end.
        int OrderAt()
        {
            var order = Math.Min(sampler.Order ?? config.Solver.SolverOrder ?? 2, step + 1);
            if (h == 0)
                return 1; // it leads nowhere: Karras levels end at the smallest of training themselves
            var lowers = config.Solver.LowerOrderFinal != false && ladder.Steps < ShortRun;
            if (step == ladder.Steps - 1 && (config.Solver.EulerAtFinal == true || lowers || double.IsInfinity(h)))
                return 1;
            return step == ladder.Steps - 2 && lowers ? Math.Min(order, 2) : order;
        }

        // D₁ = (m₀ − m₁) / r₀.
        (double, double, double) SecondOrder()
        {
            var r0 = (ladder.Lambda(step) - ladder.Lambda(step - 1)) / h;
            return (d0 + (d1 / r0), -d1 / r0, 0);
        }

        // D₁ and D₂ by differences of differences.
        (double, double, double) ThirdOrder()
        {
            var r0 = (ladder.Lambda(step) - ladder.Lambda(step - 1)) / h;
            var r1 = (ladder.Lambda(step - 1) - ladder.Lambda(step - 2)) / h;
            var near = (d1 * (1 + (r0 / (r0 + r1)))) + (d2 / (r0 + r1)); // weight of (m₀ − m₁) / r₀
            var far = -((d1 * r0) + d2) / (r0 + r1); // weight of (m₁ − m₂) / r₁
            return (d0 + (near / r0), (far / r1) - (near / r0), -far / r1);
        }
    }
}
