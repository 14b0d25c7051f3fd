using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Sampling;

/// <summary>Pictures asked for together.</summary>
public sealed class SampleBatch
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>The job that draws them.</summary>
    public required Guid JobId { get; set; }

    /// <summary>The job that draws them.</summary>
    public Job? Job { get; set; }

    /// <summary>The model's name, where the request used one.</summary>
    public string? ModelName { get; init; }

    /// <summary>What draws them: fixed when the request is accepted, so that a name that moves on changes nothing.
    /// Not a foreign key, since pictures outlive the checkpoint that drew them.</summary>
    public required Guid CheckpointId { get; init; }

    /// <summary>What was asked, with the steps filled in.</summary>
    public required SamplingSpec Spec { get; init; }

    /// <summary>Artifact key of the folder with <c>grid.png</c> and <c>images/{n}.png</c> (n from 0), and <c>trajectory.webp</c>
    /// where it was asked for; null until the job has succeeded.</summary>
    public string? ArtifactKey { get; set; }

    /// <summary>When it was handed to the loaded model (UTC), after the queue, the claim and the loading, but before its first network call: a call that runs for others
    /// comes first, and a break that sampling makes for training. Null until the job has succeeded.</summary>
    public DateTime? DrawingStartedAt { get; set; }

    /// <summary>Seconds from <see cref="DrawingStartedAt"/> until the last picture was there, calls for others between included; null until the job has succeeded.</summary>
    public double? DurationSeconds { get; set; }

    /// <summary>Where it was drawn, e.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string? Device { get; set; }
}
