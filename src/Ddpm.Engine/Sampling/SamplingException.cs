namespace Ddpm.Engine.Sampling;

/// <summary>What was asked cannot be drawn with this model. The message is for the person who asked.</summary>
public sealed class SamplingException(string message) : Exception(message);
