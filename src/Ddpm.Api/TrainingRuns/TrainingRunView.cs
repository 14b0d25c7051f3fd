using System.Text.Json.Serialization;
using Ddpm.Api.Http;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.TrainingRuns;

/// <summary>A network being trained, or trained.</summary>
internal sealed record TrainingRunView : JobView
{
    public TrainingRunView(TrainingRun run, long? latestPreviewStep, int? queuePosition = null)
        : base(run.Id, run.Job!, queuePosition)
    {
        Name = run.Name;
        DatasetId = run.DatasetId;
        Step = run.Step;
        TotalSteps = run.TotalSteps;
        Epoch = run.Epoch;
        Loss = run.Loss.Finite();
        LearningRate = run.LearningRate.Finite();
        GradNorm = run.GradNorm.Finite();
        ImagesPerSecond = run.ImagesPerSecond.Finite();
        SkippedSteps = run.SkippedSteps;
        EmaDistance = run.EmaDistance.Finite();
        MemoryBytes = run.MemoryBytes;
        EtaSeconds = run.Job!.HasEnded ? null : run.EtaSeconds.Finite();
        Network = run.Spec.Network;
        Schedule = run.Spec.Schedule;
        Training = run.Spec.Training;
        Links = new(run, latestPreviewStep);
    }

    /// <summary>Shown to people; not unique.</summary>
    [JsonPropertyOrder(-8)]
    public string Name { get; }

    /// <summary>What it learns from.</summary>
    public Guid DatasetId { get; }

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; }

    /// <summary>Optimizer steps to do; 0 until the worker has counted.</summary>
    public long TotalSteps { get; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public double Epoch { get; }

    /// <summary>Mean squared error of the predicted noise over the latest steps.</summary>
    public double? Loss { get; }

    /// <summary>Learning rate of the latest step.</summary>
    public double? LearningRate { get; }

    /// <summary>L2 norm of the latest gradient, before clipping.</summary>
    public double? GradNorm { get; }

    /// <summary>Pictures a second over the latest steps.</summary>
    public double? ImagesPerSecond { get; }

    /// <summary>Steps left out because their loss or gradient was not finite.</summary>
    public long SkippedSteps { get; }

    /// <summary>How far the average is from the weights, as a share of their L2 norm; null without an average.</summary>
    public double? EmaDistance { get; }

    /// <summary>Bytes of RAM that the worker's process holds.</summary>
    public long? MemoryBytes { get; }

    /// <summary>Seconds left at the present speed.</summary>
    public double? EtaSeconds { get; }

    /// <summary>The network.</summary>
    public NetworkSpec Network { get; }

    /// <summary>The noise schedule.</summary>
    public ScheduleSpec Schedule { get; }

    /// <summary>How it is trained.</summary>
    public OptimizationSpec Training { get; }

    /// <summary>Where to go from here.</summary>
    [JsonPropertyOrder(9)]
    public TrainingRunLinks Links { get; }
}

/// <summary>Addresses around a training run.</summary>
internal sealed record TrainingRunLinks
{
    public TrainingRunLinks(TrainingRun run, long? latestPreviewStep)
    {
        Self = $"/training-runs/{run.Id}";
        Events = $"{Self}/events";
        Metrics = $"{Self}/metrics";
        Previews = $"{Self}/previews";
        Checkpoints = $"{Self}/checkpoints";
        LossCurve = run.LossCurveKey is null ? null : $"{Self}/loss.png";
        LatestPreview = latestPreviewStep is { } step ? $"{Self}/previews/{step}.png" : null;
    }

    /// <summary>This resource.</summary>
    public string Self { get; }

    /// <summary>Live progress (server-sent events).</summary>
    public string Events { get; }

    /// <summary>The curves as numbers.</summary>
    public string Metrics { get; }

    /// <summary>All preview grids.</summary>
    public string Previews { get; }

    /// <summary>The newest preview grid; null until there is one.</summary>
    public string? LatestPreview { get; }

    /// <summary>The loss curve as a picture; null until there is one.</summary>
    public string? LossCurve { get; }

    /// <summary>Its checkpoints.</summary>
    public string Checkpoints { get; }
}

/// <summary>A grid drawn during training.</summary>
internal sealed record PreviewView
{
    public PreviewView(TrainingPreview preview)
    {
        Step = preview.Step;
        Epoch = preview.Epoch;
        At = preview.At;
        Url = $"/training-runs/{preview.TrainingRunId}/previews/{preview.Step}.png";
    }

    /// <summary>Optimizer step after which it was drawn.</summary>
    public long Step { get; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public double Epoch { get; }

    /// <summary>When it was drawn.</summary>
    public DateTime At { get; }

    /// <summary>Where the PNG is.</summary>
    public string Url { get; }
}

/// <summary>One point of a run's curves.</summary>
internal sealed record MetricView
{
    public MetricView(TrainingMetric metric)
    {
        Step = metric.Step;
        Epoch = metric.Epoch;
        Loss = metric.Loss.Finite();
        LearningRate = metric.LearningRate.Finite();
        GradNorm = metric.GradNorm.Finite();
        ImagesPerSecond = metric.ImagesPerSecond.Finite();
        SkippedSteps = metric.SkippedSteps;
        EmaDistance = metric.EmaDistance.Finite();
        MemoryBytes = metric.MemoryBytes;
        At = metric.At;
    }

    /// <summary>Optimizer step, from 1.</summary>
    public long Step { get; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public double Epoch { get; }

    /// <summary>Mean loss since the point before.</summary>
    public double? Loss { get; }

    /// <summary>Learning rate of this step.</summary>
    public double? LearningRate { get; }

    /// <summary>L2 norm of this step's gradient, before clipping.</summary>
    public double? GradNorm { get; }

    /// <summary>Pictures a second since the point before.</summary>
    public double? ImagesPerSecond { get; }

    /// <summary>Steps left out so far because their loss or gradient was not finite.</summary>
    public long SkippedSteps { get; }

    /// <summary>How far the average is from the weights, as a share of their L2 norm; null without an average.</summary>
    public double? EmaDistance { get; }

    /// <summary>Bytes of RAM that the worker's process held; null where it was not recorded.</summary>
    public long? MemoryBytes { get; }

    /// <summary>When it was measured.</summary>
    public DateTime At { get; }
}
