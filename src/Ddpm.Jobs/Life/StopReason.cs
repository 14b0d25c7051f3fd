namespace Ddpm.Jobs.Life;

/// <summary>Why running work is to stop.</summary>
public enum StopReason
{
    /// <summary>It is not to stop.</summary>
    None,

    /// <summary>Its user asked for it.</summary>
    CancelRequested,

    /// <summary>The process ends; the job is handed back.</summary>
    Shutdown,

    /// <summary>Another worker may hold the job by now: write nothing.</summary>
    LeaseLost,
}
