namespace Ddpm.Engine.Sampling;

/// <summary>What drawing takes of memory at its height, beside the model: an estimate.</summary>
/// <param name="HostBytes">Of the machine's.</param>
/// <param name="DeviceBytes">Of a GPU's; 0 where a CPU draws.</param>
public sealed record SamplingMemory(long HostBytes, long DeviceBytes);
