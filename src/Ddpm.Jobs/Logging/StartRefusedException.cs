namespace Ddpm.Jobs.Logging;

/// <summary>The server does not start as it was asked to; the message says in one sentence why, and what to do.</summary>
public sealed class StartRefusedException : Exception
{
    /// <inheritdoc cref="StartRefusedException"/>
    public StartRefusedException()
    {
    }

    /// <inheritdoc cref="StartRefusedException"/>
    public StartRefusedException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="StartRefusedException"/>
    public StartRefusedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
