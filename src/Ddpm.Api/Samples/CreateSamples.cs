using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>What pictures to draw, with which network, and how. Every field is optional; the seed decides the pictures.</summary>
internal sealed record CreateSamples : SamplingSpec
{
    /// <summary>A model's name. At most one of model, checkpointId and trainingRunId; none means the default model.</summary>
    [StringLength(64, MinimumLength = 1)]
    public string? Model { get; init; }

    /// <summary>A checkpoint's id.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>A training run's id: its newest checkpoint is used.</summary>
    public Guid? TrainingRunId { get; init; }
}
