namespace Ddpm.Worker.Hub;

/// <summary>The hub does not give what was asked for. The message says why, for the person who asked.</summary>
public sealed class HubException(string message, Exception? innerException = null) : Exception(message, innerException);
