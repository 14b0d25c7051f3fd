namespace Ddpm.Jobs.Life;

/// <summary>The job belongs to another worker by now, or has ended: nothing was written, and nothing may be.</summary>
public sealed class LeaseLostException : Exception
{
    /// <summary>Makes the exception.</summary>
    public LeaseLostException()
        : base("The lease of this job was lost.")
    {
    }

    /// <summary>Makes the exception.</summary>
    public LeaseLostException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    public LeaseLostException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
