using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>The levels of a run of a fast solver in σ = √((1 − ᾱ) / ᾱ), the noise over the signal, and what the network is told at each. In the order
/// of operations, and of roundings to float32, of diffusers.</summary>
/// <param name="Timesteps">One for each step.</param>
/// <param name="Sigmas">One more than steps at least: falling, the last 0 or small.</param>
internal sealed record SigmaLadder(IReadOnlyList<double> Timesteps, IReadOnlyList<double> Sigmas)
{
    private const double KarrasRho = 7; // Karras et al. 2022, eq. 5
    private const float LeastAlphaCumprod = 1f / (1 << 24); // diffusers' stand-in for 0, where σ would be infinite

    /// <summary>Steps of the run.</summary>
    public int Steps => Timesteps.Count;

    /// <summary>√ᾱ at a level.</summary>
    public double SignalRate(int level) => 1 / Math.Sqrt((Sigmas[level] * Sigmas[level]) + 1);

    /// <summary>√(1 − ᾱ) at a level.</summary>
    public double NoiseRate(int level) => Sigmas[level] * SignalRate(level);

    /// <summary>λ, half the logarithm of the signal-to-noise ratio; ∞ at σ = 0.</summary>
    public double Lambda(int level) => -Math.Log(Sigmas[level]);

    /// <summary>The levels of a run.</summary>
    /// <exception cref="SamplingException">Two of them coincide.</exception>
    public static SigmaLadder For(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var training = TrainingSigmas(NoiseSchedule.From(config));
        var kind = sampler.KindFor(config);
        var ladder = SamplerConfig.IsMultistep(kind) ? Multistep(config, sampler, kind, training) : Continuous(config, sampler, kind, training);
        for (var level = 0; level + 1 < ladder.Steps; level++)
            if (!(ladder.Sigmas[level] > ladder.Sigmas[level + 1]))
                throw new SamplingException($"With {ladder.Steps} steps two noise levels of this sampler coincide: ask for fewer steps.");
        return new([.. ladder.Timesteps.Skip(sampler.Skipped)], [.. ladder.Sigmas.Skip(sampler.Skipped)]);
    }

    private static float[] TrainingSigmas(NoiseSchedule schedule) =>
        [.. schedule.AlphasCumprod.Select(alpha => alpha == 0 ? LeastAlphaCumprod : (float)alpha).Select(alpha => MathF.Sqrt((1f - alpha) / alpha))];

    // DPM-Solver and UniPC: whole timesteps.
    private static SigmaLadder Multistep(NoiseScheduleConfig config, SamplerConfig sampler, SamplerKind kind, float[] training)
    {
        var solver = config.Solver;
        var end = kind != SamplerKind.UniPc && solver.LambdaMinClipped is { } least ? training.Count(sigma => -MathF.Log(sigma) >= least) : config.Timesteps;
        if (end < 1)
            throw new SamplingException($"lambda_min_clipped is {solver.LambdaMinClipped}, which leaves no timestep to visit.");
        var steps = sampler.StepsFor(config);
        double[] falling = [.. training.Reverse().Select(sigma => (double)sigma)];
        var converted = Respaced(solver, sampler, kind, falling, steps);
        if (converted is null)
        {
            var timesteps = Ddpm.Engine.Sampling.Timesteps.Multistep(config, sampler, end);
            return new([.. timesteps.Select(timestep => (double)timestep)], Ended([.. timesteps.Select(timestep => (double)training[timestep])], solver, training[0]));
        }

        // diffusers rounds these for the network, or cuts them off: under cosine schedules all, of exponential levels all.
        var exponential = solver.UseExponentialSigmas == true && sampler.Karras != true;
        var rounds = (kind == SamplerKind.UniPc || config.BetaSchedule != "squaredcos_cap_v2") && !exponential;
        var told = converted.Select(sigma => TimestepOf(sigma, training)).Select(timestep => rounds ? Math.Round(timestep, MidpointRounding.ToEven) : Math.Truncate(timestep));
        return new([.. told], Ended(converted, solver, kind == SamplerKind.UniPc ? converted[^1] : training[0]));
    }

    // Euler and Heun: fractions of timesteps in float32.
    private static SigmaLadder Continuous(NoiseScheduleConfig config, SamplerConfig sampler, SamplerKind kind, float[] training)
    {
        var solver = config.Solver;
        var timesteps = Ddpm.Engine.Sampling.Timesteps.Fractional(config, sampler);
        double[] sigmas = [.. timesteps.Select(timestep => Interpolate(timestep, training))];
        if (kind == SamplerKind.Euler && solver.InterpolationType == "log_linear")
            sigmas = LogLinear(training, timesteps.Length);
        if (Respaced(solver, sampler, kind, sigmas, timesteps.Length) is { } converted)
        {
            sigmas = converted;
            timesteps = [.. sigmas.Select(sigma => TimestepOf(sigma, training))];
        }

        var levels = kind == SamplerKind.Heun ? Ended(sigmas, new SolverConfig(), 0) : Ended(sigmas, solver, training[0]);
        var tellsLogarithm = kind == SamplerKind.Euler && solver.TimestepType == "continuous" && config.Prediction == PredictionType.V;
        return new([.. timesteps.Select((timestep, index) => (double)(float)(tellsLogarithm ? 0.25 * Math.Log(levels[index]) : timestep))], levels);
    }

    private static double[] Ended(double[] sigmas, SolverConfig solver, double least) =>
        [.. sigmas.Append(solver.FinalSigmasType == "sigma_min" ? least : 0).Select(sigma => (double)(float)sigma)];

    // Null where the levels stay those of their timesteps.
    private static double[]? Respaced(SolverConfig solver, SamplerConfig sampler, SamplerKind kind, double[] sigmas, int steps)
    {
        if (sampler.Timesteps is not null)
            return null;
        var (first, last) = (solver.SigmaMax ?? sigmas[0], solver.SigmaMin ?? sigmas[^1]);
        if (sampler.Karras ?? solver.UseKarrasSigmas == true)
            return Evenly(steps, Math.Pow(first, 1 / KarrasRho), Math.Pow(last, 1 / KarrasRho), root => Math.Pow(root, KarrasRho));
        if (solver.UseExponentialSigmas == true)
            return Evenly(steps, Math.Log(first), Math.Log(last), Math.Exp);
        if (solver.UseLuLambdas == true && kind is SamplerKind.DpmSolver or SamplerKind.SdeDpmSolver)
            return Evenly(steps, Math.Log(sigmas[0]), Math.Log(sigmas[^1]), Math.Exp);
        return null;
    }

    private static double[] Evenly(int count, double first, double last, Func<double, double> sigma) =>
        [.. Enumerable.Range(0, count).Select(index => sigma(first + ((count == 1 ? 0 : index / (count - 1.0)) * (last - first))))];

    private static double[] LogLinear(float[] training, int steps)
    {
        var (first, last) = (MathF.Log(training[^1]), MathF.Log(training[0]));
        return Evenly(steps + 1, first, last, log => MathF.Exp((float)log));
    }

    // numpy's interp over the whole timesteps.
    private static double Interpolate(double timestep, float[] training)
    {
        var below = Math.Min((int)timestep, training.Length - 1);
        return below == training.Length - 1 ? training[below] : training[below] + ((timestep - below) * ((double)training[below + 1] - training[below]));
    }

    // Where between two whole timesteps a level lies, in log σ; in float32 up to the share, as numpy 1 rounds it: a level of training must give its own timestep.
    private static double TimestepOf(double sigma, float[] training)
    {
        var log = (float)Math.Log(Math.Max(sigma, 1e-10));
        var low = Math.Clamp(Array.FindLastIndex(training, level => log - MathF.Log(level) >= 0), 0, Math.Max(training.Length - 2, 0));
        var (below, above) = (MathF.Log(training[low]), MathF.Log(training[Math.Min(low + 1, training.Length - 1)]));
        var share = below == above ? 0 : Math.Clamp((below - log) / (below - above), 0, 1);
        return ((double)(1 - share) * low) + ((double)share * (low + 1));
    }
}
