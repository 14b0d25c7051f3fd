using System.ComponentModel.DataAnnotations;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Evaluations;

namespace Ddpm.Api.Evaluations;

/// <summary>Which model to measure, against which dataset, and how. Every field is optional but the dataset.</summary>
internal sealed record CreateEvaluation : EvaluationSpec
{
    /// <summary>What the model is measured against: a dataset that has been built, of the model's resolution.</summary>
    public required Guid DatasetId { get; init; }

    /// <summary>A model's name. At most one of model, checkpointId and trainingRunId; none means the default model.</summary>
    [StringLength(64, MinimumLength = 1)]
    public string? Model { get; init; }

    /// <summary>A checkpoint's id.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>A training run's id: its newest checkpoint is used.</summary>
    public Guid? TrainingRunId { get; init; }

    /// <summary>Its samples as a request for samples, whose rules hold here too.</summary>
    internal CreateSamples Samples() => new() { Model = Model, CheckpointId = CheckpointId, TrainingRunId = TrainingRunId, Seed = Seed, Sampler = Sampler, Steps = Steps, Eta = Eta };
}
