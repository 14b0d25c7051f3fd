using System.Text.Json.Serialization;
using Ddpm.Jobs.Life;

namespace Ddpm.Api.Http;

/// <summary>What every resource that a job makes has in common.</summary>
internal abstract record JobView
{
    protected JobView(Guid id, Job job, int? queuePosition)
    {
        Id = id;
        Status = job.Status;
        Progress = job.Status == JobStatus.Succeeded ? 1 : job.Progress;
        CancelRequested = job.CancelRequested;
        Error = job.Error;
        QueuePosition = queuePosition;
        Operations = job.Operations;
        CreatedAt = job.CreatedAt;
        StartedAt = job.StartedAt;
        EndedAt = job.EndedAt;
    }

    /// <summary>A UUIDv7: ids sort by creation.</summary>
    [JsonPropertyOrder(-9)]
    public Guid Id { get; }

    /// <summary>Queued and running change; succeeded, failed and cancelled are final.</summary>
    [JsonPropertyOrder(-7)]
    public JobStatus Status { get; }

    /// <summary>Fraction done, from 0 to 1.</summary>
    [JsonPropertyOrder(-6)]
    public double Progress { get; }

    /// <summary>Why it failed, and what to change; null unless it has.</summary>
    [JsonPropertyOrder(-5)]
    public string? Error { get; }

    /// <summary>How many jobs wait in front of this one; null unless queued, and in lists.</summary>
    [JsonPropertyOrder(-4)]
    public int? QueuePosition { get; }

    /// <summary>Its cost: floating-point operations of the network, as far as they are known before it runs; null where they are not.</summary>
    [JsonPropertyOrder(-4)]
    public double? Operations { get; }

    /// <summary>Whether someone asked it to stop.</summary>
    [JsonPropertyOrder(-3)]
    public bool CancelRequested { get; }

    /// <summary>When the request was accepted.</summary>
    [JsonPropertyOrder(1)]
    public DateTime CreatedAt { get; }

    /// <summary>When a worker began.</summary>
    [JsonPropertyOrder(2)]
    public DateTime? StartedAt { get; }

    /// <summary>When it reached its final status.</summary>
    [JsonPropertyOrder(3)]
    public DateTime? EndedAt { get; }
}
