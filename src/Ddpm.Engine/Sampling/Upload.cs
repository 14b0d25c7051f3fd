using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>Small tensors on their way from the CPU to the network.</summary>
internal static class Upload
{
    /// <summary>Sends a tensor that lies in ordinary memory, without waiting for what the GPU still does: the driver takes its copy before it returns,
    /// so that the next step can be prepared while this one is computed. Gives the tensor itself where it is there already.</summary>
    public static Tensor Send(this Tensor values, Device device) => values.to(device, non_blocking: true);
}
