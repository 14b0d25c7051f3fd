using System.Text.Json.Serialization;
using Ddpm.Api.Http;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>Pictures asked for together.</summary>
internal sealed record SampleView : JobView
{
    public SampleView(SampleBatch batch, int? queuePosition = null)
        : base(batch.Id, batch.Job!, queuePosition)
    {
        Model = batch.ModelName;
        CheckpointId = batch.CheckpointId;
        Spec = batch.Spec;
        DrawingStartedAt = batch.DrawingStartedAt;
        DurationSeconds = batch.DurationSeconds;
        Device = batch.Device;
        var self = $"/samples/{batch.Id}";
        var drawn = batch.ArtifactKey is not null;
        Links = new(
            self,
            $"{self}/events",
            drawn ? $"{self}/grid.png" : null,
            drawn ? [.. Enumerable.Range(0, batch.Spec.Count).Select(n => $"{self}/images/{n}.png")] : [],
            drawn && batch.Spec.Trajectory ? $"{self}/trajectory.webp" : null);
    }

    /// <summary>The model's name, where the request used one.</summary>
    [JsonPropertyOrder(-8)]
    public string? Model { get; }

    /// <summary>What draws them: fixed when the request was accepted.</summary>
    public Guid CheckpointId { get; }

    /// <summary>What was asked, with the steps filled in.</summary>
    public SamplingSpec Spec { get; }

    /// <summary>When they were handed to the loaded model, which begins with them once the call that runs has ended; null until they are drawn.</summary>
    public DateTime? DrawingStartedAt { get; }

    /// <summary>Seconds from then until the last of them was there; null until they are drawn.</summary>
    public double? DurationSeconds { get; }

    /// <summary>Where they were drawn, e.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string? Device { get; }

    /// <summary>Where to go from here.</summary>
    [JsonPropertyOrder(9)]
    public SampleLinks Links { get; }
}

/// <summary>Addresses around a sample request.</summary>
/// <param name="Self">This resource.</param>
/// <param name="Events">Live progress (server-sent events).</param>
/// <param name="Grid">All pictures as one PNG; null until they are drawn.</param>
/// <param name="Images">Each picture as a PNG; empty until they are drawn.</param>
/// <param name="Trajectory">How they came about, as an animated WebP; null until they are drawn, and where it was not asked for.</param>
internal sealed record SampleLinks(string Self, string Events, string? Grid, IReadOnlyList<string> Images, string? Trajectory);
