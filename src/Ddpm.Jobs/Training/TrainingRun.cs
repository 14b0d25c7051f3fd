using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Training;

/// <summary>A network being trained, or trained. Resuming gives it a new job; the ended job stays as it ended.</summary>
public sealed class TrainingRun
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>The job that carries it on now, or did last.</summary>
    public required Guid JobId { get; set; }

    /// <summary>The job that carries it on now, or did last.</summary>
    public Job? Job { get; set; }

    /// <summary>What it learns from.</summary>
    public required Guid DatasetId { get; init; }

    /// <summary>What it learns from.</summary>
    public Dataset? Dataset { get; set; }

    /// <summary>Shown to people; not unique.</summary>
    public required string Name { get; set; }

    /// <summary>What was asked; resuming for more epochs replaces it.</summary>
    public required TrainingSpec Spec { get; set; }

    /// <summary>Optimizer steps done.</summary>
    public long Step { get; set; }

    /// <summary>Optimizer steps to do; 0 until the worker has counted.</summary>
    public long TotalSteps { get; set; }

    /// <summary>Passes over the dataset begun, from 0; fractional.</summary>
    public double Epoch { get; set; }

    /// <summary>Mean squared error of ε̂ over the latest steps.</summary>
    public double? Loss { get; set; }

    /// <summary>Learning rate of the latest step.</summary>
    public double? LearningRate { get; set; }

    /// <summary>L2 norm of the latest gradient, before clipping.</summary>
    public double? GradNorm { get; set; }

    /// <summary>Pictures a second, over the latest steps.</summary>
    public double? ImagesPerSecond { get; set; }

    /// <summary>Steps left out because their loss or gradient was not finite.</summary>
    public long SkippedSteps { get; set; }

    /// <summary>L2 norm of the difference between the average and the weights, as a share of that of the weights; null without an average.</summary>
    public double? EmaDistance { get; set; }

    /// <summary>Bytes of RAM that the worker's process holds.</summary>
    public long? MemoryBytes { get; set; }

    /// <summary>Seconds left at the present speed.</summary>
    public double? EtaSeconds { get; set; }

    /// <summary>Artifact key of the loss curve; null until there is one.</summary>
    public string? LossCurveKey { get; set; }
}

/// <summary>One point of a run's curves.</summary>
public sealed class TrainingMetric
{
    /// <summary>The run.</summary>
    public required Guid TrainingRunId { get; init; }

    /// <summary>Optimizer step, from 1.</summary>
    public required long Step { get; init; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public required double Epoch { get; init; }

    /// <summary>Mean loss since the point before.</summary>
    public required double Loss { get; init; }

    /// <summary>Learning rate of this step.</summary>
    public required double LearningRate { get; init; }

    /// <summary>L2 norm of this step's gradient, before clipping.</summary>
    public required double GradNorm { get; init; }

    /// <summary>Pictures a second since the point before.</summary>
    public required double ImagesPerSecond { get; init; }

    /// <summary>Steps left out so far because their loss or gradient was not finite.</summary>
    public long SkippedSteps { get; init; }

    /// <summary>L2 norm of the difference between the average and the weights, as a share of that of the weights; null without an average.</summary>
    public double? EmaDistance { get; init; }

    /// <summary>Bytes of RAM that the worker's process held; null where it was not recorded.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>When (UTC).</summary>
    public required DateTime At { get; init; }
}

/// <summary>A grid drawn during training.</summary>
public sealed class TrainingPreview
{
    /// <summary>The run.</summary>
    public required Guid TrainingRunId { get; init; }

    /// <summary>Optimizer step it was drawn after.</summary>
    public required long Step { get; init; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public required double Epoch { get; init; }

    /// <summary>Artifact key of the PNG.</summary>
    public required string ArtifactKey { get; init; }

    /// <summary>When (UTC).</summary>
    public required DateTime At { get; init; }
}
