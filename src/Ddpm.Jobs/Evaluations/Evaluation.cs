using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Evaluations;

/// <summary>A model measured against a dataset.</summary>
public sealed class Evaluation
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>The job that measures.</summary>
    public required Guid JobId { get; set; }

    /// <summary>The job that measures.</summary>
    public Job? Job { get; set; }

    /// <summary>The model's name, where the request used one.</summary>
    public string? ModelName { get; init; }

    /// <summary>What is measured: fixed when the request is accepted. Not a foreign key, since numbers outlive the checkpoint.</summary>
    public required Guid CheckpointId { get; init; }

    /// <summary>What it is measured against. Not a foreign key, for the same reason.</summary>
    public required Guid DatasetId { get; init; }

    /// <summary>What was asked, with the steps filled in.</summary>
    public required EvaluationSpec Spec { get; init; }

    /// <summary>What came of it; null until the job has succeeded.</summary>
    public EvaluationResults? Results { get; set; }

    /// <summary>Artifact key of the folder with <c>samples.png</c> and <c>nearest.png</c>; null until the job has succeeded, and where no metric draws.</summary>
    public string? ArtifactKey { get; set; }

    /// <summary>Seconds that it took; null until the job has succeeded.</summary>
    public double? DurationSeconds { get; set; }

    /// <summary>Where it was computed, e.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string? Device { get; set; }
}
