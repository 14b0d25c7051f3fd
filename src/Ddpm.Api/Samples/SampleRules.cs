using System.Text.Json;
using Ddpm.Api.Http;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>Checks of a sample request that no single field can show.</summary>
internal static class SampleRules
{
    private const int DefaultDdimSteps = 50;
    private const int DefaultDpmSolverSteps = 25;
    private const int DefaultTimesteps = 1000; // diffusers', where a scheduler_config.json does not say.

    /// <summary>What can be checked before the model is known.</summary>
    public static void Check(CreateSamples request, Faults faults)
    {
        if (request.Eta != 0 && request.Sampler != SamplerNames.Ddim)
            faults.Add("eta", $"belongs to the sampler ddim and must be 0 for {request.Sampler}; it is {request.Eta}");
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
        var (timesteps, spacing) = Schedule(checkpoint.SchedulerConfig);
        // A multistep solver needs n + 1 different timesteps, unless they trail.
        var lost = request.Sampler == SamplerNames.DpmSolver && (request.TimestepSpacing ?? spacing) != "trailing" ? 1 : 0;
        var most = Math.Max(1, timesteps - lost);
        if (request.Steps > most)
        {
            throw Faults.One("steps", $"must be from 1 to {most}, since this model was trained with {timesteps} timesteps"
                + $"{(lost == 0 ? "" : $" and {request.Sampler} needs one more than it has steps")}; it is {request.Steps}");
        }
        return WithGrid(request.Alone()) with
        {
            Steps = request.Steps ?? Math.Min(most, request.Sampler switch
            {
                SamplerNames.Ddim => DefaultDdimSteps,
                SamplerNames.DpmSolver => DefaultDpmSolverSteps,
                _ => timesteps,
            }),
        };
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

    private static (int Timesteps, string? Spacing) Schedule(string schedulerConfig)
    {
        try
        {
            using var document = JsonDocument.Parse(schedulerConfig);
            var root = document.RootElement;
            return (
                root.TryGetProperty("num_train_timesteps", out var timesteps) ? timesteps.GetInt32() : DefaultTimesteps,
                root.TryGetProperty("timestep_spacing", out var spacing) ? spacing.GetString() : null);
        }
        catch (JsonException)
        {
            return (DefaultTimesteps, null);
        }
    }
}
