namespace Ddpm.Jobs.Life;

/// <summary>Where a job is in its life.</summary>
public enum JobStatus
{
    /// <summary>Accepted, waiting for a worker.</summary>
    Queued,

    /// <summary>A worker holds the lease.</summary>
    Running,

    /// <summary>Ended: the result is there.</summary>
    Succeeded,

    /// <summary>Ended: see the error.</summary>
    Failed,

    /// <summary>Ended because its user asked for it.</summary>
    Cancelled,
}
