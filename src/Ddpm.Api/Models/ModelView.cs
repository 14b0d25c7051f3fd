using Ddpm.Api.Checkpoints;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Models;

/// <summary>A name that people use for a checkpoint.</summary>
internal sealed record ModelView
{
    public ModelView(NamedModel model)
    {
        Name = model.Name;
        Description = model.Description;
        Status = model.Checkpoint is not null ? JobStatus.Succeeded : model.Job?.Status ?? JobStatus.Failed;
        Error = model.Checkpoint is null ? model.Job?.Error : null;
        Checkpoint = model.Checkpoint is { } checkpoint ? new CheckpointView(checkpoint, [model.Name]) : null;
        CreatedAt = model.CreatedAt;
        UpdatedAt = model.UpdatedAt;
        Links = new($"/models/{model.Name}", model.CheckpointId is { } id ? $"/checkpoints/{id}" : null);
    }

    /// <summary>What requests call it.</summary>
    public string Name { get; }

    /// <summary>For people.</summary>
    public string? Description { get; }

    /// <summary>Succeeded: it can be used. Otherwise, how far its import is.</summary>
    public JobStatus Status { get; }

    /// <summary>Why its import failed; null unless it has.</summary>
    public string? Error { get; }

    /// <summary>What it names; null while an import has not succeeded.</summary>
    public CheckpointView? Checkpoint { get; }

    /// <summary>When it was made.</summary>
    public DateTime CreatedAt { get; }

    /// <summary>When it last changed.</summary>
    public DateTime UpdatedAt { get; }

    /// <summary>Where to go from here.</summary>
    public ModelLinks Links { get; }
}

/// <summary>Addresses around a model.</summary>
/// <param name="Self">This resource.</param>
/// <param name="Checkpoint">What it names; null while an import has not succeeded.</param>
internal sealed record ModelLinks(string Self, string? Checkpoint);
