namespace Ddpm.Jobs.Life;

/// <summary>One piece of work and who holds it. The row is the truth; Hangfire only carries its id to a worker.</summary>
/// <remarks>Legal transitions: Queued → Running → Succeeded | Failed | Cancelled; Running → Queued when a lease runs out or a worker
/// shuts down; Queued → Cancelled. An ended row never changes again; every write by a worker is fenced by <see cref="LeaseEpoch"/>.</remarks>
public sealed class Job
{
    /// <summary>UUIDv7, so that ids sort by creation.</summary>
    public required Guid Id { get; init; }

    /// <summary>What the work is; decides its queue.</summary>
    public required JobKind Kind { get; init; }

    /// <summary>Whose it is, and that of what it makes: a name of <see cref="Accounts.Account"/>.</summary>
    public string Account { get; init; } = Accounts.Account.Local;

    /// <summary>Floating-point operations that it will take, where that is known before it runs.</summary>
    public double? Operations { get; set; }

    /// <summary>Where it is in its life.</summary>
    public JobStatus Status { get; set; } = JobStatus.Queued;

    /// <summary>The worker that holds the lease, or the last one that did.</summary>
    public string? Owner { get; set; }

    /// <summary>Fencing token: one higher at every claim. A worker writes only where it still equals its own.</summary>
    public long LeaseEpoch { get; set; }

    /// <summary>When the lease runs out (UTC); null unless Running.</summary>
    public DateTime? LeaseExpiresAt { get; set; }

    /// <summary>Claims in a row that ended in a lost lease; a checkpoint sets it back to 0. At the limit the job fails.</summary>
    public int LostLeases { get; set; }

    /// <summary>A request to stop, seen by the worker within a second.</summary>
    public bool CancelRequested { get; set; }

    /// <summary>Fraction done, from 0 to 1.</summary>
    public double Progress { get; set; }

    /// <summary>Why it failed, in words its user can act on; null unless Failed.</summary>
    public string? Error { get; set; }

    /// <summary>The Hangfire job that carries this id at present, if any.</summary>
    public string? DispatchId { get; set; }

    /// <summary>The span of the request, which those of the work are children of: W3C Trace Context; null where there was none.</summary>
    public string? TraceParent { get; init; }

    /// <summary>The request that asked for it, as its answer and the API's log name it; null where none did.</summary>
    public string? RequestId { get; init; }

    /// <summary>When the request was accepted (UTC).</summary>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When a worker first claimed it (UTC).</summary>
    public DateTime? StartedAt { get; set; }

    /// <summary>When it reached its final state (UTC).</summary>
    public DateTime? EndedAt { get; set; }

    /// <summary>Whether the state is final.</summary>
    public bool HasEnded => Status is JobStatus.Succeeded or JobStatus.Failed or JobStatus.Cancelled;
}
