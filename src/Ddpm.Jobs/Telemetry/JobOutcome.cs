namespace Ddpm.Jobs.Telemetry;

/// <summary>How a process came to have done with a job.</summary>
public enum JobOutcome
{
    /// <summary>Its result is there.</summary>
    Succeeded,

    /// <summary>Its row says why.</summary>
    Failed,

    /// <summary>As its user asked.</summary>
    Cancelled,

    /// <summary>The process stops; another goes on.</summary>
    HandedBack,

    /// <summary>The database did not answer its work; another takes it up in a while.</summary>
    CutOff,

    /// <summary>The lease ran out.</summary>
    Lost,
}
