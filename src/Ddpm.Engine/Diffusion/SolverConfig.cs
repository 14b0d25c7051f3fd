using System.Text.Json.Serialization;

namespace Ddpm.Engine.Diffusion;

/// <summary>The keys of a <c>scheduler_config.json</c> that only fast solvers read: same names, same meaning as in diffusers' DPM-Solver, UniPC, Euler and
/// Heun classes. What is null takes the default of the class that is built.</summary>
public sealed record SolverConfig
{
    /// <summary>Order of a multistep solver, 1 to 3; diffusers' default is 2.</summary>
    public int? SolverOrder { get; init; }

    /// <summary>DPM-Solver: <c>dpmsolver++</c>, <c>sde-dpmsolver++</c>, or the older <c>dpmsolver</c>, which integrates ε̂ instead of x̂₀.</summary>
    public string? AlgorithmType { get; init; }

    /// <summary>DPM-Solver: <c>midpoint</c> or <c>heun</c>; UniPC: <c>bh1</c> or <c>bh2</c>. Each class takes the other's names for its own default.</summary>
    public string? SolverType { get; init; }

    /// <summary>Lower orders at the last steps of a run: DPM-Solver below 15 steps, UniPC always. Default true.</summary>
    public bool? LowerOrderFinal { get; init; }

    /// <summary>DPM-Solver: first order at the last step, whatever its length.</summary>
    public bool? EulerAtFinal { get; init; }

    /// <summary>Where a run ends: <c>zero</c>, the clean picture, or <c>sigma_min</c>, the smallest level of training. Default <c>zero</c>.</summary>
    public string? FinalSigmasType { get; init; }

    /// <summary>DPM-Solver: timesteps whose half log-SNR is smaller are not visited; null for all.</summary>
    public double? LambdaMinClipped { get; init; }

    /// <summary>Levels spaced evenly in σ^(1/7). Karras et al. 2022, eq. 5.</summary>
    public bool? UseKarrasSigmas { get; init; }

    /// <summary>Levels spaced evenly in log σ.</summary>
    public bool? UseExponentialSigmas { get; init; }

    /// <summary>DPM-Solver: levels spaced evenly in the half log-SNR. Lu et al. 2022.</summary>
    public bool? UseLuLambdas { get; init; }

    /// <summary>Not supported.</summary>
    public bool? UseBetaSigmas { get; init; }

    /// <summary>Not supported: its forward process is not DDPM's.</summary>
    public bool? UseFlowSigmas { get; init; }

    /// <summary>Smallest σ of Karras or exponential levels; null for the schedule's.</summary>
    public double? SigmaMin { get; init; }

    /// <summary>Largest σ of Karras or exponential levels; null for the schedule's.</summary>
    public double? SigmaMax { get; init; }

    /// <summary>UniPC: whether it integrates x̂₀ (default) or ε̂.</summary>
    [JsonPropertyName("predict_x0")]
    public bool? PredictOriginal { get; init; }

    /// <summary>UniPC: steps, from 0, after which nothing is corrected.</summary>
    public IReadOnlyList<int>? DisableCorrector { get; init; }

    /// <summary>Euler: <c>linear</c>, or <c>log_linear</c> for levels spaced evenly in log σ between both ends of training.</summary>
    public string? InterpolationType { get; init; }

    /// <summary>Euler: <c>discrete</c>, or <c>continuous</c>, which with v prediction tells the network log(σ) / 4.</summary>
    public string? TimestepType { get; init; }

    /// <summary>What is wrong with it, a sentence a fault; none where it is sound.</summary>
    public IEnumerable<string> Faults()
    {
        if (SolverOrder is < 1 or > 3)
            yield return $"solver_order is {SolverOrder}; 1 to 3 is accepted.";
        var choices = new (string Key, string? Value, string[] Accepted)[]
        {
            ("algorithm_type", AlgorithmType, ["dpmsolver++", "sde-dpmsolver++", "dpmsolver", "deis"]),
            ("solver_type", SolverType, ["midpoint", "heun", "bh1", "bh2", "logrho"]),
            ("final_sigmas_type", FinalSigmasType, ["zero", "sigma_min"]),
            ("interpolation_type", InterpolationType, ["linear", "log_linear"]),
            ("timestep_type", TimestepType, ["discrete", "continuous"]),
        };
        foreach (var (key, value, accepted) in choices)
            if (value is not null && !accepted.Contains(value))
                yield return $"{key} is '{value}'; {string.Join(", ", accepted)} are supported.";
        if (UseBetaSigmas == true)
            yield return "use_beta_sigmas is true; only false is supported.";
        if (UseFlowSigmas == true)
            yield return "use_flow_sigmas is true, whose noise is not DDPM's; only false is supported.";
        if (new[] { UseKarrasSigmas, UseExponentialSigmas, UseLuLambdas }.Count(used => used == true) > 1)
            yield return "Only one of use_karras_sigmas, use_exponential_sigmas and use_lu_lambdas can be true.";
        if (SigmaMin is { } least && !(least > 0 && double.IsFinite(least)))
            yield return FormattableString.Invariant($"sigma_min is {least}; a number above 0 is needed.");
        if (SigmaMax is { } most && !(most > (SigmaMin ?? 0) && double.IsFinite(most)))
            yield return FormattableString.Invariant($"sigma_max is {most}; a number above sigma_min is needed.");
    }
}
