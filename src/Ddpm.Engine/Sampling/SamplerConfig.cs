using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>Which table a run follows.</summary>
public enum SamplerKind
{
    /// <summary>Ancestral sampling. Ho et al. 2020, algorithm 2.</summary>
    Ddpm,

    /// <summary>Denoising diffusion implicit models. Song et al. 2021, eq. 12.</summary>
    Ddim,

    /// <summary>DPM-Solver++, multistep, order 1 to 3. Lu et al. 2022, algorithm 2.</summary>
    DpmSolver,

    /// <summary>DPM-Solver++ for the stochastic equation. Lu et al. 2022, §5.</summary>
    SdeDpmSolver,

    /// <summary>Euler's method in σ. Karras et al. 2022, algorithm 2 without its correction.</summary>
    Euler,

    /// <summary>Heun's method in σ, two network calls a step. Karras et al. 2022, algorithm 1.</summary>
    Heun,

    /// <summary>The unified predictor-corrector. Zhao et al. 2023, algorithms 1 and 2.</summary>
    UniPc,
}

/// <summary>The names of <see cref="SamplerKind"/> in requests and on command lines.</summary>
public static class SamplerKinds
{
    private static readonly Dictionary<string, SamplerKind> ByName = new()
    {
        ["ddpm"] = SamplerKind.Ddpm,
        ["ddim"] = SamplerKind.Ddim,
        ["dpmsolver++"] = SamplerKind.DpmSolver,
        ["sde-dpmsolver++"] = SamplerKind.SdeDpmSolver,
        ["euler"] = SamplerKind.Euler,
        ["heun"] = SamplerKind.Heun,
        ["unipc"] = SamplerKind.UniPc,
    };

    /// <summary>All of them.</summary>
    public static IReadOnlyCollection<string> Names => ByName.Keys;

    /// <summary>The sampler of a name.</summary>
    /// <exception cref="SamplingException">There is none of that name.</exception>
    public static SamplerKind Parse(string name) => ByName.TryGetValue(name, out var kind)
        ? kind : throw new SamplingException($"There is no sampler '{name}'; there are {string.Join(", ", Names)}.");
}

/// <summary>A sampler and its settings. What is null takes the model's or the sampler's default.</summary>
public sealed record SamplerConfig
{
    /// <summary>Which table; null for the one the model's scheduler file names, or DDIM where that is DDPM, whose thousand steps are for those who ask.</summary>
    public SamplerKind? Kind { get; init; }

    /// <summary>Steps of a run, from 1 to T; null for the default: DDPM T, DDIM 50, Heun 13, the others 25 (never more than T). Each is one network
    /// call, with Heun two but for the last.</summary>
    public int? Steps { get; init; }

    /// <summary>The timesteps to visit, falling, each in [0, T), instead of a number of steps and a spacing.</summary>
    public IReadOnlyList<int>? Timesteps { get; init; }

    /// <summary>DDIM's η: 0 is deterministic, 1 has DDPM's variance. From 0 to 1; 0 for the others.</summary>
    public double Eta { get; init; }

    /// <summary>Which timesteps a short run visits; null for the schedule's (or diffusers' default of the sampler's class).</summary>
    public TimestepSpacing? Spacing { get; init; }

    /// <summary>Whether x̂₀ is clipped; null for the schedule's. diffusers' fast solvers (but Heun) never clip: false gives their numbers.</summary>
    public bool? ClipSample { get; init; }

    /// <summary>DDIM: whether ε̂ is worked out again from the clipped x̂₀. (diffusers' <c>use_clipped_model_output</c>, false by default.)</summary>
    public bool UseClippedModelOutput { get; init; }

    /// <summary>DPM-Solver++ and UniPC: order, 1 to 3; null for the schedule's, or 2.</summary>
    public int? Order { get; init; }

    /// <summary>Fast solvers: levels spaced as by Karras et al. 2022, eq. 5; null for the schedule's, or not.</summary>
    public bool? Karras { get; init; }

    /// <summary>Euler: noise added on the way; null for none.</summary>
    public EulerChurn? Churn { get; init; }

    /// <summary>Steps left out at the noisy end. What is left is a run of its own: a multistep solver has nothing to look back on at its first step.</summary>
    internal int Skipped { get; init; }

    /// <summary>The sampler of a run on this schedule.</summary>
    public SamplerKind KindFor(NoiseScheduleConfig schedule) => Kind ?? schedule.SchedulerClass switch
    {
        "DPMSolverMultistepScheduler" => schedule.Solver.AlgorithmType == "sde-dpmsolver++" ? SamplerKind.SdeDpmSolver : SamplerKind.DpmSolver,
        "EulerDiscreteScheduler" => SamplerKind.Euler,
        "HeunDiscreteScheduler" => SamplerKind.Heun,
        "UniPCMultistepScheduler" => SamplerKind.UniPc,
        _ => SamplerKind.Ddim,
    };

    /// <summary>The steps of a run on this schedule.</summary>
    public int StepsFor(NoiseScheduleConfig schedule) => Timesteps?.Count ?? Steps ?? Math.Min(
        MostSteps(schedule),
        KindFor(schedule) switch { SamplerKind.Ddpm => int.MaxValue, SamplerKind.Ddim => 50, SamplerKind.Heun => 13, _ => 25 });

    /// <summary>The most steps a run on this schedule can have: T; one less where a multistep solver needs n + 1 different timesteps; and as many less as
    /// the schedule's offset moves leading timesteps up.</summary>
    public int MostSteps(NoiseScheduleConfig schedule)
    {
        var spacing = SpacingFor(schedule);
        var lost = IsMultistep(KindFor(schedule)) && spacing is TimestepSpacing.Leading or TimestepSpacing.Linspace ? 1 : 0;
        return Math.Max(1, schedule.Timesteps - lost - (spacing == TimestepSpacing.Leading ? schedule.StepsOffset : 0));
    }

    /// <summary>What does not fit this schedule, a sentence a fault; none where a plan can be made.</summary>
    public IEnumerable<string> Faults(NoiseScheduleConfig schedule)
    {
        var steps = StepsFor(schedule);
        var most = MostSteps(schedule);
        if (Timesteps is not null && Steps is not null)
            yield return "steps and timesteps are both given; choose one.";
        if (Timesteps is { } chosen)
        {
            if (chosen.Count == 0 || chosen.Any(timestep => timestep < 0 || timestep >= schedule.Timesteps) || chosen.Zip(chosen.Skip(1)).Any(pair => pair.First <= pair.Second))
                yield return $"timesteps must fall from one to the next, each from 0 to {schedule.Timesteps - 1}, and be at least one.";
        }
        else if (steps < 1 || steps > most)
        {
            yield return $"steps is {steps}; 1 to {most} is accepted with this sampler on a schedule of {schedule.Timesteps} timesteps.";
        }

        if (Eta is < 0 or > 1 || double.IsNaN(Eta))
            yield return $"eta is {Eta}; 0 to 1 is accepted.";
        if (Order is < 1 or > 3)
            yield return $"order is {Order}; 1 to 3 is accepted.";
        foreach (var fault in Strangers(KindFor(schedule)))
            yield return fault;
        if (Churn is { } churn && !(churn.Amount >= 0 && churn.NoiseScale >= 0 && double.IsFinite(churn.Amount) && double.IsFinite(churn.NoiseScale)))
            yield return $"churn is {churn.Amount} with a noise scale of {churn.NoiseScale}; numbers of 0 or more are needed.";
    }

    // What another sampler than this one reads.
    private IEnumerable<string> Strangers(SamplerKind kind)
    {
        if (Eta != 0 && kind != SamplerKind.Ddim)
            yield return $"eta is {Eta}; it is ddim's, and must be 0 for {kind}.";
        if (Order is not null && !IsMultistep(kind))
            yield return $"order is {Order}; only dpmsolver++, sde-dpmsolver++ and unipc have one, {kind} has not.";
        if (Karras == true && kind is SamplerKind.Ddpm or SamplerKind.Ddim)
            yield return $"karras is for samplers that choose their noise levels, which {kind} does not.";
        if (Karras == true && Timesteps is not null)
            yield return "timesteps and karras are both given; choose one.";
        if (Spacing is not null && Timesteps is not null)
            yield return "timesteps and spacing are both given; choose one.";
    }

    private bool Clips(NoiseScheduleConfig schedule) =>
        ClipSample ?? (KindFor(schedule) is SamplerKind.Ddpm or SamplerKind.Ddim ? schedule.ClipSample ?? true : schedule.SolversClip);

    internal static bool IsMultistep(SamplerKind kind) => kind is SamplerKind.DpmSolver or SamplerKind.SdeDpmSolver or SamplerKind.UniPc;

    internal TimestepSpacing SpacingFor(NoiseScheduleConfig schedule) =>
        Spacing ?? (schedule.TimestepSpacing is { } name ? Enum.Parse<TimestepSpacing>(name, ignoreCase: true)
            : KindFor(schedule) is SamplerKind.Ddpm or SamplerKind.Ddim ? TimestepSpacing.Leading : TimestepSpacing.Linspace);

    internal OriginalBound? BoundFor(NoiseScheduleConfig schedule)
    {
        // diffusers' Euler and Heun do not threshold. Ours do, unless they are to give its numbers.
        var thresholds = schedule.Thresholding && (ClipSample != false || KindFor(schedule) is not (SamplerKind.Euler or SamplerKind.Heun));
        return thresholds ? new(schedule.SampleMaxValue, schedule.DynamicThresholdingRatio)
            : Clips(schedule) ? new(schedule.ClipSampleRange)
            : null;
    }
}

/// <summary>Noise that Euler's method adds back before a step. Karras et al. 2022, algorithm 2.</summary>
/// <param name="Amount">S_churn: over the whole run, in steps. At least 0.</param>
/// <param name="NoiseScale">S_noise: the standard deviation of the noise. At least 0.</param>
/// <param name="SigmaMin">S_tmin: none below this σ.</param>
/// <param name="SigmaMax">S_tmax: none above this σ.</param>
public sealed record EulerChurn(double Amount, double NoiseScale = 1, double SigmaMin = 0, double SigmaMax = double.PositiveInfinity);
