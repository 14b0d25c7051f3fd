using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Engine.Diffusion;

/// <summary>What diffusers' <c>scheduler_config.json</c> says: the noise that a model was trained with, what it predicts, and how it is sampled where nobody
/// asks for something else. Same keys, same defaults.</summary>
public sealed record NoiseScheduleConfig
{
    /// <summary>T, the diffusion steps of training. From 1 to 100,000; default 1000.</summary>
    [JsonPropertyName("num_train_timesteps")]
    public int Timesteps { get; init; } = 1000;

    /// <summary>β_1, in (0, 1). Default 1e-4.</summary>
    public double BetaStart { get; init; } = 1e-4;

    /// <summary>β_T, in (0, 1). Default 0.02.</summary>
    public double BetaEnd { get; init; } = 0.02;

    /// <summary><c>linear</c>, <c>scaled_linear</c>, <c>squaredcos_cap_v2</c> (cosine) or <c>sigmoid</c>.</summary>
    public string BetaSchedule { get; init; } = "linear";

    /// <summary>β_1 … β_T themselves, instead of a named schedule.</summary>
    public IReadOnlyList<double>? TrainedBetas { get; init; }

    /// <summary>Whether √ᾱ is shifted and scaled so that nothing of the picture is left at the last timestep. Lin et al. 2024, algorithm 1.</summary>
    public bool RescaleBetasZeroSnr { get; init; }

    /// <summary>The reverse step's variance: <c>fixed_small</c> (β̃_t) or <c>fixed_large</c> (β_t), Ho et al. 2020, §3.2, either also with <c>_log</c>; or
    /// <c>learned_range</c>: the network says where between both, in as many further channels as a picture has. Nichol &amp; Dhariwal 2021, eq. 15.</summary>
    public string VarianceType { get; init; } = "fixed_small";

    /// <summary>Whether x̂₀ is clipped to ±<see cref="ClipSampleRange"/> at every step; null where the file does not say: then DDPM and DDIM clip, and other
    /// samplers where the file is of a class that does.</summary>
    public bool? ClipSample { get; init; }

    /// <summary>Where x̂₀ is clipped. Above 0; default 1.</summary>
    public double ClipSampleRange { get; init; } = 1;

    /// <summary>Whether x̂₀ is bounded picture by picture, by the size of its own largest values, instead of clipped. Saharia et al. 2022, §2.3.</summary>
    public bool Thresholding { get; init; }

    /// <summary>Thresholding: the share of a picture's values that stays unclipped. Above 0, at most 1; default 0.995.</summary>
    public double DynamicThresholdingRatio { get; init; } = 0.995;

    /// <summary>Thresholding: the highest bound. At least 1; default 1.</summary>
    public double SampleMaxValue { get; init; } = 1;

    /// <summary>What the network predicts: <c>epsilon</c>, <c>sample</c> (x_0) or <c>v_prediction</c>.</summary>
    public string PredictionType { get; init; } = "epsilon";

    /// <summary>Which timesteps a short run visits: <c>leading</c>, <c>trailing</c> or <c>linspace</c>.</summary>
    public string? TimestepSpacing { get; init; }

    /// <summary>Added to every timestep of the leading spacing. From 0 to 100.</summary>
    public int StepsOffset { get; init; }

    /// <summary>DDIM: whether ᾱ before the first timestep is 1 instead of ᾱ_0.</summary>
    public bool SetAlphaToOne { get; init; } = true;

    /// <summary>The diffusers class that the file names, which samples where nobody asks for another.</summary>
    [JsonIgnore]
    public string SchedulerClass { get; init; } = "DDPMScheduler";

    /// <summary>What fast solvers read besides.</summary>
    [JsonIgnore]
    public SolverConfig Solver { get; init; } = new();

    /// <summary>Whether samplers that are not DDPM or DDIM clip x̂₀.</summary>
    internal bool SolversClip => ClipSample ?? ClippingClasses.Contains(SchedulerClass);

    /// <summary>What the network predicts.</summary>
    /// <exception cref="ArgumentException">There is no such prediction type.</exception>
    [JsonIgnore]
    public PredictionType Prediction => PredictionTypes.Parse(PredictionType);

    private const double LeastAlphaCumprod = 1e-30; // x̂₀ divides by its root

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
    };

    // Schedulers whose forward process is DDPM's: their files describe one noise schedule, whichever sampler then follows it.
    private static readonly string[] Classes =
    [
        "DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "DDPMParallelScheduler", "DDIMParallelScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler",
        "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler",
        "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler", "LMSDiscreteScheduler", "SASolverScheduler", "UniPCMultistepScheduler",
    ];

    private static readonly string[] VarianceTypes = ["fixed_small", "fixed_small_log", "fixed_large", "fixed_large_log", "learned_range"];

    // Classes that bound x̂₀ unless their file says otherwise. The others, but Heun, do not know the key.
    private static readonly string[] ClippingClasses = ["DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "DDPMParallelScheduler", "DDIMParallelScheduler"];

    /// <summary>Reads <c>scheduler_config.json</c>. Keys that no sampler here reads are ignored, as diffusers does.</summary>
    /// <exception cref="CheckpointException">It cannot be read, or asks for something unsupported; the message names the field.</exception>
    public static NoiseScheduleConfig FromJson(string json)
    {
        try
        {
            var keys = JsonNode.Parse(PythonJson.ToJson(json), documentOptions: new() { AllowDuplicateProperties = false }) as JsonObject
                ?? throw new CheckpointException("scheduler_config.json must hold a JSON object.");
            var name = keys["_class_name"]?.ToString() ?? "DDPMScheduler";
            if (!Classes.Contains(name))
                throw new CheckpointException($"scheduler_config.json: _class_name is '{name}', whose noise is not DDPM's; {string.Join(", ", Classes)} are supported.");
            if (keys["variance_type"] is null)
                keys.Remove("variance_type"); // DPM-Solver's file says null: it has no such choice
            if (name == "HeunDiscreteScheduler")
            {
                keys.TryAdd("beta_start", 0.00085); // its own defaults
                keys.TryAdd("beta_end", 0.012);
            }

            var config = keys.Deserialize<NoiseScheduleConfig>(Json)! with { SchedulerClass = name, Solver = keys.Deserialize<SolverConfig>(Json)! };
            _ = NoiseSchedule.From(config);
            return config;
        }
        catch (ArgumentException fault)
        {
            throw new CheckpointException($"scheduler_config.json: {fault.Message}", fault);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"scheduler_config.json cannot be read at '{(fault as JsonException)?.Path ?? "$"}': {Refusal.OfJson(fault)}", fault);
        }
    }

    /// <summary>Writes <c>scheduler_config.json</c> as diffusers' DDPMScheduler does: sorted keys, every key present.</summary>
    public string ToJson()
    {
        var keys = new SortedDictionary<string, JsonNode?>(StringComparer.Ordinal)
        {
            ["_class_name"] = "DDPMScheduler",
            ["_diffusers_version"] = "0.40.0",
        };
        foreach (var (key, value) in JsonSerializer.SerializeToNode(this, Json)!.AsObject())
            keys[key] = value?.DeepClone();
        keys.Remove("set_alpha_to_one");
        keys["clip_sample"] = ClipSample ?? true;
        keys["timestep_spacing"] = TimestepSpacing ?? "leading";
        return JsonSerializer.Serialize(keys, Json) + "\n";
    }

    /// <summary>What is wrong with it, a sentence a fault; none where it is sound.</summary>
    public IEnumerable<string> Faults()
    {
        if (Timesteps is < 1 or > 100_000)
            yield return $"num_train_timesteps is {Timesteps}; 1 to 100000 is accepted.";
        if (!(BetaStart is > 0 and < 1 && BetaEnd is > 0 and < 1 && BetaStart <= BetaEnd))
            yield return FormattableString.Invariant($"beta_start is {BetaStart} and beta_end is {BetaEnd}; 0 < beta_start ≤ beta_end < 1 is needed.");
        if (TrainedBetas is { } betas && (betas.Count != Timesteps || betas.Any(beta => !(beta is > 0 and < 1))))
            yield return $"trained_betas holds {betas.Count} values; {Timesteps}, each between 0 and 1, are needed.";
        if (BetaSchedule is not ("linear" or "scaled_linear" or "squaredcos_cap_v2" or "sigmoid"))
            yield return $"beta_schedule is '{BetaSchedule}'; linear, scaled_linear, squaredcos_cap_v2 and sigmoid are supported.";
        if (!VarianceTypes.Contains(VarianceType))
            yield return $"variance_type is '{VarianceType}'; {string.Join(", ", VarianceTypes)} are supported.";
        if (!PredictionTypes.Names.Contains(PredictionType))
            yield return $"prediction_type is '{PredictionType}'; {string.Join(", ", PredictionTypes.Names)} are supported.";
        if (RescaleBetasZeroSnr && (PredictionType == "epsilon" || Timesteps < 2))
            yield return "rescale_betas_zero_snr is true, so the last timestep is nothing but noise, from which ε̂ says nothing of the picture: prediction_type must be v_prediction or sample, and num_train_timesteps at least 2.";
        if (!(DynamicThresholdingRatio is > 0 and <= 1))
            yield return FormattableString.Invariant($"dynamic_thresholding_ratio is {DynamicThresholdingRatio}; above 0 and at most 1 is accepted.");
        if (!(SampleMaxValue >= 1 && double.IsFinite(SampleMaxValue)))
            yield return FormattableString.Invariant($"sample_max_value is {SampleMaxValue}; a number of 1 or more is needed.");
        foreach (var fault in Solver.Faults())
            yield return fault;
        if (TimestepSpacing is not (null or "leading" or "trailing" or "linspace"))
            yield return $"timestep_spacing is '{TimestepSpacing}'; leading, trailing and linspace are supported.";
        if (!(ClipSampleRange > 0 && double.IsFinite(ClipSampleRange)))
            yield return FormattableString.Invariant($"clip_sample_range is {ClipSampleRange}; a number above 0 is needed.");
        if (StepsOffset is < 0 or > 100)
            yield return $"steps_offset is {StepsOffset}; 0 to 100 is accepted.";
    }

    /// <summary>Where a float32 ᾱ does not tell signal from noise, neither x̂₀ nor ε̂ can be worked out from the other, and samples are not numbers.</summary>
    internal static string? FaultOf(NoiseSchedule schedule)
    {
        if (schedule.AlphasCumprod[0] >= 1)
            return FormattableString.Invariant($"beta_start is {schedule.Betas[0]:G2}, which float32 cannot tell from no noise at all; 1e-7 or more is needed.");
        var lost = schedule.AlphasCumprod.TakeWhile(alphaCumprod => alphaCumprod > LeastAlphaCumprod).Count();
        var noSignalAsWanted = lost == schedule.Timesteps - 1 && schedule.Betas[lost] == 1; // zero terminal SNR
        return lost == schedule.Timesteps || noSignalAsWanted ? null
            : FormattableString.Invariant($"With these betas ᾱ falls to {schedule.AlphasCumprod[lost]:G2} at timestep {lost} of {schedule.Timesteps}: choose a smaller beta_end or fewer timesteps.");
    }
}
