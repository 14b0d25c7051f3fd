using System.Text.Json.Serialization;
using Ddpm.Api.Http;
using Ddpm.Jobs.Evaluations;

namespace Ddpm.Api.Evaluations;

/// <summary>A model measured against a dataset.</summary>
internal sealed record EvaluationView : JobView
{
    public EvaluationView(Evaluation evaluation, int? queuePosition = null)
        : base(evaluation.Id, evaluation.Job!, queuePosition)
    {
        Model = evaluation.ModelName;
        CheckpointId = evaluation.CheckpointId;
        DatasetId = evaluation.DatasetId;
        Spec = evaluation.Spec;
        Results = evaluation.Results;
        DurationSeconds = evaluation.DurationSeconds;
        Device = evaluation.Device;
        var self = $"/evaluations/{evaluation.Id}";
        Links = new(
            self,
            $"{self}/events",
            evaluation.ArtifactKey is null ? null : $"{self}/samples.png",
            evaluation is { ArtifactKey: not null, Results.Memorisation: not null } ? $"{self}/nearest.png" : null);
    }

    /// <summary>The model's name, where the request used one.</summary>
    [JsonPropertyOrder(-8)]
    public string? Model { get; }

    /// <summary>What is measured: fixed when the request was accepted.</summary>
    public Guid CheckpointId { get; }

    /// <summary>What it is measured against.</summary>
    public Guid DatasetId { get; }

    /// <summary>What was asked, with the steps filled in.</summary>
    public EvaluationSpec Spec { get; }

    /// <summary>The numbers, with their standard errors; null until it has succeeded.</summary>
    public EvaluationResults? Results { get; init; }

    /// <summary>Seconds that it took; null until it has succeeded.</summary>
    public double? DurationSeconds { get; }

    /// <summary>Where it was computed, e.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string? Device { get; }

    /// <summary>Where to go from here.</summary>
    [JsonPropertyOrder(9)]
    public EvaluationLinks Links { get; }

    /// <summary>For lists: without what is long.</summary>
    public EvaluationView Short() => Results is null ? this : this with
    {
        Results = Results with
        {
            BitsPerDimension = Results.BitsPerDimension is { } bits ? bits with { Terms = [] } : null,
            Memorisation = Results.Memorisation is { } memorisation ? memorisation with { Closest = [] } : null,
        },
    };
}

/// <summary>Addresses around an evaluation.</summary>
/// <param name="Self">This resource.</param>
/// <param name="Events">Live progress (server-sent events).</param>
/// <param name="Samples">The first of its samples as one PNG; null until they are drawn, and where no metric needs them.</param>
/// <param name="Nearest">Samples beside the pictures of the dataset that they resemble most; null where that was not asked for.</param>
internal sealed record EvaluationLinks(string Self, string Events, string? Samples, string? Nearest);
