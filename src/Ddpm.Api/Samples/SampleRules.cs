using System.Text.Json;
using Ddpm.Api.Http;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>Checks of a sample request that no single field can show.</summary>
internal static class SampleRules
{
    private const int DefaultDdimSteps = 50;
    private const int DefaultHeunSteps = 13;
    private const int DefaultSolverSteps = 25;
    private const int DefaultTimesteps = 1000; // diffusers', where a scheduler_config.json does not say.

    /// <summary>What can be checked before the model is known.</summary>
    public static void Check(CreateSamples request, Faults faults)
    {
        if (request.Sampler is { } sampler)
            CheckOptions(request, sampler, faults);
        CheckTimesteps(request, faults);
        if (request.ClassLabels is { Count: > 1 } labels && labels.Count != request.Count)
            faults.Add("classLabels", $"must hold one label for all pictures or one for each of the {request.Count}; it holds {labels.Count}");
        CheckGrid(WithGrid(request), faults);
        foreach (var field in new[]
                 {
                     (Name: "checkpointId", Second: request.CheckpointId is not null && request.Model is not null),
                     (Name: "trainingRunId", Second: request.TrainingRunId is not null && (request.Model is not null || request.CheckpointId is not null)),
                 })
        {
            if (field.Second)
                faults.Add(field.Name, "cannot be given too: choose one of model, checkpointId and trainingRunId");
        }
    }

    /// <summary>The request with its steps filled in.</summary>
    /// <exception cref="RequestProblem">The model has fewer timesteps.</exception>
    public static SamplingSpec SpecFor(CreateSamples request, Checkpoint checkpoint)
    {
        var (timesteps, offset, spacing, ownSampler) = Schedule(checkpoint.SchedulerConfig);
        CheckClasses(request, checkpoint.NetworkConfig);
        var sampler = GuideRules.SamplerFor(request, ownSampler);
        var faults = new Faults();
        CheckOptions(request, sampler, faults);
        faults.ThrowIfAny();
        if (request.Timesteps?.Max() >= timesteps)
            throw Faults.One("timesteps", $"must hold numbers from 0 to {timesteps - 1}, since this model was trained with {timesteps} timesteps; it holds {request.Timesteps.Max()}");
        // A multistep solver needs n + 1 different timesteps, but not where they trail or are spaced quadratically; an offset moves leading ones up.
        var chosen = request.TimestepSpacing ?? spacing ?? (sampler is SamplerNames.Ddpm or SamplerNames.Ddim ? "leading" : "linspace");
        var lost = IsMultistep(sampler) && chosen is not ("trailing" or "quadratic") ? 1 : 0;
        var most = Math.Max(1, timesteps - lost - (chosen == "leading" ? offset : 0));
        if (request.Steps > most)
        {
            throw Faults.One("steps", $"must be from 1 to {most}, since this model was trained with {timesteps} timesteps"
                + $"{(lost == 0 ? "" : $" and {sampler} needs one more than it has steps")}; it is {request.Steps}");
        }
        var steps = request.Timesteps?.Count ?? request.Steps ?? Math.Min(most, sampler switch
        {
            _ when request.Guide?.Kind == GuideKind.Inpaint => GuideRules.InpaintingSteps,
            SamplerNames.Ddpm => most,
            SamplerNames.Ddim => DefaultDdimSteps,
            SamplerNames.Heun => DefaultHeunSteps,
            _ => DefaultSolverSteps,
        });
        return WithGrid(request.Alone()) with { Sampler = sampler, Steps = steps, Guide = GuideRules.SpecFor(request.Guide, steps) };
    }

    /// <summary>Timesteps of the schedule that a model was trained with.</summary>
    public static int TimestepsOf(Checkpoint checkpoint) => Schedule(checkpoint.SchedulerConfig).Timesteps;

    private static bool IsMultistep(string sampler) => sampler is SamplerNames.DpmSolver or SamplerNames.SdeDpmSolver or SamplerNames.UniPc;

    // What another sampler than this one reads.
    private static void CheckOptions(SamplingSpec request, string sampler, Faults faults)
    {
        if (request.Eta != 0 && sampler != SamplerNames.Ddim)
            faults.Add("eta", $"belongs to the sampler ddim and must be 0 for {sampler}; it is {request.Eta}");
        if (request.Order is not null && !IsMultistep(sampler))
            faults.Add("order", $"belongs to the samplers dpmsolver++, sde-dpmsolver++ and unipc and must be left out for {sampler}; it is {request.Order}");
        if (request.Karras == true && sampler is SamplerNames.Ddpm or SamplerNames.Ddim)
            faults.Add("karras", $"belongs to the samplers of other noise levels than the model's and must be left out for {sampler}");
    }

    private static void CheckTimesteps(SamplingSpec request, Faults faults)
    {
        if (request.Timesteps is not { Count: > 0 } timesteps)
            return;
        if (request.Steps is not null)
            faults.Add("timesteps", "cannot be given with steps: choose one");
        if (request.TimestepSpacing is not null)
            faults.Add("timesteps", "cannot be given with timestepSpacing: choose one");
        if (request.Karras == true)
            faults.Add("timesteps", "cannot be given with karras: choose one");
        if (timesteps.Any(timestep => timestep < 0) || timesteps.Zip(timesteps.Skip(1)).Any(pair => pair.First <= pair.Second))
            faults.Add("timesteps", "must fall from one to the next, each 0 or more");
    }

    private static void CheckClasses(SamplingSpec request, string networkConfig)
    {
        var classes = ClassesOf(networkConfig);
        if (request.ClassLabels is { Count: > 0 } labels)
        {
            if (classes is not { } known)
                throw Faults.One("classLabels", "must be left out: the model knows no classes");
            if (labels.Any(label => label < 0 || label >= known))
                throw Faults.One("classLabels", $"must hold numbers from 0 to {known - 1}; it holds {labels.First(label => label < 0 || label >= known)}");
        }
        else if (request.GuidanceScale != 1)
        {
            throw Faults.One("guidanceScale", $"must be 1 where no classLabels are given; it is {request.GuidanceScale}");
        }
    }

    // Of rows and columns, one follows from the other.
    private static SamplingSpec WithGrid(SamplingSpec spec) => spec with
    {
        Rows = spec.Rows ?? (spec.Count + spec.Columns - 1) / spec.Columns,
        Columns = spec.Columns ?? (spec.Count + spec.Rows - 1) / spec.Rows,
    };

    private static void CheckGrid(SamplingSpec spec, Faults faults)
    {
        if (spec is not { Rows: { } rows, Columns: { } columns })
            return;
        if (rows * columns < spec.Count)
            faults.Add("rows", $"times columns must hold all {spec.Count} pictures; {rows} × {columns} holds {rows * columns}");
        else if (columns > spec.Count)
            faults.Add("columns", $"must not be more than the {spec.Count} pictures; it is {columns}");
        else if ((rows - 1) * columns >= spec.Count)
            faults.Add("rows", $"would leave a row empty: {spec.Count} pictures in {columns} columns fill {(spec.Count + columns - 1) / columns}, not {rows}");
    }

    private static (int Timesteps, int Offset, string? Spacing, string Sampler) Schedule(string schedulerConfig)
    {
        try
        {
            using var document = JsonDocument.Parse(schedulerConfig);
            var root = document.RootElement;
            return (
                root.TryGetProperty("num_train_timesteps", out var timesteps) ? timesteps.GetInt32() : DefaultTimesteps,
                root.TryGetProperty("steps_offset", out var offset) && offset.ValueKind == JsonValueKind.Number ? offset.GetInt32() : 0,
                Text(root, "timestep_spacing"),
                Text(root, "_class_name") switch
                {
                    "DPMSolverMultistepScheduler" => Text(root, "algorithm_type") == SamplerNames.SdeDpmSolver ? SamplerNames.SdeDpmSolver : SamplerNames.DpmSolver,
                    "EulerDiscreteScheduler" => SamplerNames.Euler,
                    "HeunDiscreteScheduler" => SamplerNames.Heun,
                    "UniPCMultistepScheduler" => SamplerNames.UniPc,
                    _ => SamplerNames.Ddim,
                });
        }
        catch (JsonException)
        {
            return (DefaultTimesteps, 0, null, SamplerNames.Ddim);
        }

        static string? Text(JsonElement root, string key) => root.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
    }

    private static int? ClassesOf(string networkConfig)
    {
        try
        {
            using var document = JsonDocument.Parse(networkConfig);
            return document.RootElement.TryGetProperty("num_class_embeds", out var classes) && classes.ValueKind == JsonValueKind.Number ? classes.GetInt32() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
