using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling.Samplers;

/// <summary>UniPC: each step's estimate first corrects where the step before led, then predicts onwards. Zhao et al. 2023, algorithms 1 and 2, with their
/// B₁(h) = h and B₂(h) = e^h − 1.</summary>
/// <remarks>The correction is a weighted sum of the same estimates as the prediction it replaces, so both fit into one row: x plus the difference.</remarks>
internal static class UniPc
{
    public static SamplingPlan Plan(NoiseScheduleConfig config, SamplerConfig sampler)
    {
        var solver = config.Solver;
        if (solver.FinalSigmasType != "sigma_min")
        {
            var reason = solver.SolverType == "bh1" ? "solver_type bh1" : solver.PredictOriginal == false ? "predict_x0 false" : solver.LowerOrderFinal == false ? "lower_order_final false" : null;
            if (reason is not null)
                throw new SamplingException($"UniPC with {reason} gives no numbers where the run ends at σ = 0: final_sigmas_type must be sigma_min.");
        }

        var ladder = SigmaLadder.For(config, sampler);
        var bound = sampler.BoundFor(config);
        return new([.. Enumerable.Range(0, ladder.Steps).Select(step => Row(config, sampler, ladder, step, bound is not null))], bound);
    }

    private static SamplingStep Row(NoiseScheduleConfig config, SamplerConfig sampler, SigmaLadder ladder, int step, bool bounded)
    {
        var ofOriginal = config.Solver.PredictOriginal != false;
        var most = sampler.Order ?? config.Solver.SolverOrder ?? 2;
        // Weights of the estimates: of this step, and of the three before.
        var estimates = new double[4];
        var corrects = step > 0 && config.Solver.DisableCorrector?.Contains(step - 1) != true;
        var scale = Move(step).Scale;
        if (corrects)
        {
            var last = Move(step - 1);
            var predicted = last.Weights(OrderAt(step - 1), corrected: false);
            var corrected = last.Weights(OrderAt(step - 1), corrected: true);
            for (var index = 0; index < 4; index++)
                estimates[index] = scale * (corrected[index] - predicted[index]);
        }

        var onwards = Move(step).Weights(OrderAt(step), corrected: false);
        for (var index = 0; index < 3; index++)
            estimates[index] += onwards[index + 1]; // in its own step's words the newest estimate is the second
        var (signalRate, noiseRate) = (ladder.SignalRate(step), ladder.NoiseRate(step));
        var row = new SamplingStep(ladder.Timesteps[step], signalRate, noiseRate, Estimate.At(config.Prediction, signalRate, noiseRate))
        {
            Sample = scale,
            History1 = estimates[1],
            History2 = estimates[2],
            History3 = estimates[3],
        };
        if (ofOriginal)
            return row with { Original = estimates[0], Memory = new Blend(0, 1, 0) };
        return bounded
            // ε̂ = (x − √ᾱ·x̂₀) / √(1 − ᾱ) of the bounded x̂₀, put in.
            ? row with { Sample = scale + (estimates[0] / noiseRate), Original = -estimates[0] * signalRate / noiseRate, Memory = new Blend(1 / noiseRate, -signalRate / noiseRate, 0) }
            : row with { Epsilon = estimates[0], Memory = new Blend(0, 0, 1) };

        UniPcMove Move(int from) => new(ladder, from, ofOriginal, config.Solver.SolverType == "bh1");

        int OrderAt(int at)
        {
            if (ladder.Sigmas[at] == ladder.Sigmas[at + 1])
                return 1; // it leads nowhere: Karras levels end at the smallest of training themselves
            return Math.Min(Math.Min(most, at + 1), config.Solver.LowerOrderFinal == false ? most : ladder.Steps - at);
        }
    }
}

/// <summary>The move from one level to the next: x' = Scale·x + a weighted sum of estimates.</summary>
internal sealed class UniPcMove
{
    private readonly SigmaLadder _ladder;
    private readonly int _from;
    private readonly double _h;
    private readonly double _hh; // −h where x̂₀ is integrated, h for ε̂
    private readonly double _factor;
    private readonly double _b;

    public UniPcMove(SigmaLadder ladder, int from, bool ofOriginal, bool firstB)
    {
        (_ladder, _from) = (ladder, from);
        _h = ladder.Lambda(from + 1) - ladder.Lambda(from);
        _hh = ofOriginal ? -_h : _h;
        _factor = ofOriginal ? ladder.SignalRate(from + 1) : ladder.NoiseRate(from + 1);
        Scale = ofOriginal ? ladder.NoiseRate(from + 1) / ladder.NoiseRate(from) : ladder.SignalRate(from + 1) / ladder.SignalRate(from);
        _b = firstB ? _hh : Exponential.MinusOne(_hh);
    }

    /// <summary>Weight of x.</summary>
    public double Scale { get; }

    /// <summary>Weights of the estimates at the level reached (0 unless corrected), at the level left, and at the two before.</summary>
    public double[] Weights(int order, bool corrected)
    {
        var weights = new double[4];
        weights[1] = -_factor * Exponential.MinusOne(_hh);
        var ratios = new double[order]; // r_k: how far back each estimate lies, in steps of h; the last is the level reached
        for (var k = 1; k < order; k++)
            ratios[k - 1] = (_ladder.Lambda(_from - k) - _ladder.Lambda(_from)) / _h;
        ratios[order - 1] = 1;
        var rho = corrected ? Corrector(ratios) : Predictor(ratios);
        for (var k = 1; k < order; k++)
            AddSlope(k + 1, rho[k - 1] / ratios[k - 1]);
        if (corrected)
            AddSlope(0, rho[order - 1]);
        return weights;

        // ρ·(m_k − m₀) / r_k, the difference to the estimate at the level left.
        void AddSlope(int place, double rhoOverRatio)
        {
            weights[place] -= _factor * _b * rhoOverRatio;
            weights[1] += _factor * _b * rhoOverRatio;
        }
    }

    private double[] Predictor(double[] ratios) => ratios.Length switch
    {
        1 => [],
        2 => [0.5], // exact only in the limit: the paper's choice for order 2
        _ => Solve(ratios[..^1]),
    };

    private double[] Corrector(double[] ratios) => ratios.Length == 1 ? [0.5] : Solve(ratios);

    // Zhao et al. 2023, theorem 3.1: R ρ = b with R_ij = r_j^{i-1} and b_i = i!·φ_i(hh)·hh / B(hh).
    private double[] Solve(double[] ratios)
    {
        var size = ratios.Length;
        var system = new double[size, size + 1];
        var phi = (Exponential.MinusOne(_hh) / _hh) - 1;
        var factorial = 1.0;
        for (var row = 0; row < size; row++)
        {
            for (var column = 0; column < size; column++)
                system[row, column] = Math.Pow(ratios[column], row);
            system[row, size] = phi * factorial / _b;
            factorial *= row + 2;
            phi = (phi / _hh) - (1 / factorial);
        }

        return Eliminate(system, size);
    }

    private static double[] Eliminate(double[,] system, int size)
    {
        for (var pivot = 0; pivot < size; pivot++)
            for (var row = 0; row < size; row++)
            {
                if (row == pivot)
                    continue;
                var factor = system[row, pivot] / system[pivot, pivot];
                for (var column = pivot; column <= size; column++)
                    system[row, column] -= factor * system[pivot, column];
            }

        return [.. Enumerable.Range(0, size).Select(row => system[row, size] / system[row, row])];
    }
}
