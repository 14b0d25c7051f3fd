using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine;

/// <summary>How full the memory of a GPU is, whoever took it.</summary>
/// <param name="Used">Bytes that are taken.</param>
/// <param name="Total">Bytes that there are.</param>
public readonly record struct DeviceMemory(long Used, long Total)
{
    /// <summary>Of a device, from whatever thread; null on a CPU, where the driver does not answer, and before this process has computed there.</summary>
    public static DeviceMemory? Of(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.type == TorchSharp.DeviceType.CUDA && CudaDevice.Memory(Math.Max(device.index, 0)) is var (used, total) ? new(used, total) : null;
    }
}
