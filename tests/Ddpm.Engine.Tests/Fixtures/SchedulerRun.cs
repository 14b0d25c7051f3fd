using System.Text.Json.Nodes;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Fixtures;

/// <summary>A sampling run as the reference describes it: a scheduler class, the file it was built from, and the arguments of its calls.</summary>
internal sealed class SchedulerRun
{
    public SchedulerRun(JsonNode run, string folder)
    {
        Name = run["name"]!.ToString();
        Class = run["class"]!.ToString();
        Schedule = NoiseScheduleConfig.FromJson(File.ReadAllText(Path.Combine(folder, run["config"]!.ToString())));
        StoredSteps = [.. run["stored_steps"]!.AsArray().Select(step => step!.GetValue<int>())];
        var (setTimesteps, stepArguments) = (run["set_timesteps"]!, run["step_kwargs"]!);
        Sampler = new SamplerConfig
        {
            Kind = Schedule.Solver.AlgorithmType == "dpmsolver" && Class == Schedule.SchedulerClass ? null : KindOf(Class, Schedule), // asked for by name it would be ++
            Steps = setTimesteps["num_inference_steps"]?.GetValue<int>(),
            Timesteps = setTimesteps["timesteps"]?.AsArray().Select(timestep => timestep!.GetValue<int>()).ToList(),
            Eta = stepArguments["eta"]?.GetValue<double>() ?? 0,
            UseClippedModelOutput = stepArguments["use_clipped_model_output"]?.GetValue<bool>() ?? false,
            Churn = stepArguments["s_churn"] is null ? null : new EulerChurn(
                stepArguments["s_churn"]!.GetValue<double>(),
                stepArguments["s_noise"]?.GetValue<double>() ?? 1,
                stepArguments["s_tmin"]?.GetValue<double>() ?? 0,
                stepArguments["s_tmax"]?.GetValue<double>() ?? double.PositiveInfinity),
            ClipSample = ClipOf(Class, Schedule),
        };
    }

    public string Name { get; }

    public string Class { get; }

    public NoiseScheduleConfig Schedule { get; }

    public SamplerConfig Sampler { get; }

    public IReadOnlyList<int> StoredSteps { get; }

    /// <summary>Whether the reference's x is not scaled to unit variance: it is ours times √(σ² + 1).</summary>
    public bool ExplodesVariance => Sampler.KindFor(Schedule) is SamplerKind.Euler or SamplerKind.Heun;

    /// <summary>Whether a diffusers class clips, where ours would: its fast solvers never do, but Heun does where its file says so.</summary>
    public static bool? ClipOf(string scheduler, NoiseScheduleConfig schedule) => scheduler switch
    {
        "DDPMScheduler" or "DDIMScheduler" => null,
        "HeunDiscreteScheduler" => schedule.ClipSample ?? false,
        _ => false,
    };

    /// <summary>The sampler of a diffusers class.</summary>
    public static SamplerKind KindOf(string scheduler, NoiseScheduleConfig schedule) => scheduler switch
    {
        "DDPMScheduler" => SamplerKind.Ddpm,
        "DDIMScheduler" => SamplerKind.Ddim,
        "DPMSolverMultistepScheduler" => schedule.Solver.AlgorithmType == "sde-dpmsolver++" ? SamplerKind.SdeDpmSolver : SamplerKind.DpmSolver,
        "EulerDiscreteScheduler" => SamplerKind.Euler,
        "HeunDiscreteScheduler" => SamplerKind.Heun,
        "UniPCMultistepScheduler" => SamplerKind.UniPc,
        _ => throw new NotSupportedException($"There is no sampler for {scheduler}."),
    };
}
