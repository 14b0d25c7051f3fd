namespace Ddpm.Worker.Life;

/// <summary>The job cannot be done. The message is for the person who asked for it.</summary>
internal sealed class JobFailedException(string message, Exception? inner = null) : Exception(message, inner);
