using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Training;

namespace Ddpm.Api.TrainingRuns;

/// <summary>What to train. Every field is optional but the dataset; the defaults are the article's.</summary>
internal sealed record CreateTrainingRun
{
    /// <summary>What it learns from: a dataset that has been built.</summary>
    public required Guid DatasetId { get; init; }

    /// <summary>Shown to people. From 1 to 200 characters; by default the dataset's name.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? Name { get; init; }

    /// <summary>The network to train.</summary>
    public NetworkSpec Network { get; init; } = new();

    /// <summary>The noise schedule.</summary>
    public ScheduleSpec Schedule { get; init; } = new();

    /// <summary>How to train.</summary>
    public OptimizationSpec Training { get; init; } = new();
}

/// <summary>How far to go on. Without a field, to where it was going.</summary>
internal sealed record ResumeTrainingRun
{
    /// <summary>Passes over the dataset in all, those already done included. From 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int? Epochs { get; init; }

    /// <summary>Optimizer steps in all, those already done included. From 1 to 100,000,000. Not together with epochs.</summary>
    [Range(1, 100_000_000)]
    public int? Steps { get; init; }
}
