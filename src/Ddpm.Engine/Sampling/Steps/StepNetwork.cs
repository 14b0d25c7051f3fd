using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>A network as sampling sees it: what it answers, and how its calls are best made.</summary>
/// <param name="Denoise">Answers a call. Where the device is the CPU it must be safe to call from several threads at once, unless it is batch-invariant.</param>
/// <param name="Channels">Of a picture.</param>
/// <param name="Device">Where samples, timesteps and answers lie.</param>
internal sealed record StepNetwork(Denoiser Denoise, int Channels, Device Device)
{
    /// <summary>The label that stands for no class; null where the network was not trained without classes too.</summary>
    public int? NullClass { get; init; }

    /// <summary>Whether a picture's answer is the same to the last bit in a call of any size. Then pictures share calls on a CPU too, which use as many threads as
    /// they see fit; otherwise each has calls of its own there, of one thread, several side by side.</summary>
    public bool IsBatchInvariant { get; init; }

    /// <summary>Bytes that a call of so many pictures needs while it lasts, weights not counted; null where nobody knows.</summary>
    public Func<int, long>? CallBytes { get; init; }

    /// <summary>Counts its calls.</summary>
    public NetworkMeter Meter { get; } = new();

    /// <summary>Whether what lies between calls is arithmetic on the host's own memory.</summary>
    public bool IsOnHost => Device.type == TorchSharp.DeviceType.CPU;
}
