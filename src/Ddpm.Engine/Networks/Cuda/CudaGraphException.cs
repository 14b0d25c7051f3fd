namespace Ddpm.Engine.Networks.Cuda;

/// <summary>Calls cannot be recorded here; the message says why, in a few words.</summary>
internal sealed class CudaGraphException(string message, Exception? inner = null) : Exception(message, inner);
