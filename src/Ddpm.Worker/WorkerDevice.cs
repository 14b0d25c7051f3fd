using Ddpm.Engine;
using Microsoft.Extensions.Options;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Worker;

/// <summary>Where this process computes. libtorch is loaded when it is first asked for.</summary>
internal sealed class WorkerDevice(IOptions<WorkerOptions> options)
{
    private readonly Lazy<Device> _device = new(() => DeviceSelector.Parse(options.Value.Device));

    /// <exception cref="TorchRuntimeException">libtorch cannot be loaded.</exception>
    /// <exception cref="ArgumentException">There is no such device.</exception>
    public Device Device => _device.Value;

    /// <summary>E.g. <c>cpu</c> or <c>cuda:0</c>.</summary>
    public string Name => Device.type == DeviceType.CPU ? "cpu" : $"cuda:{Device.index}";

    /// <summary>Bytes of its memory; null where they are not known.</summary>
    public long? MemoryBytes => Device.type == DeviceType.CPU ? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes : null;

    /// <summary>Bytes of its memory that are taken, on a CPU by this process; null where that is not known.</summary>
    public long? UsedBytes => Device.type == DeviceType.CPU ? Environment.WorkingSet : DeviceMemory.Of(Device)?.Used;

    /// <summary>Bytes that it has, on a CPU that this process may have; null where that is not known.</summary>
    public long? LimitBytes => Device.type == DeviceType.CPU ? MemoryBytes : DeviceMemory.Of(Device)?.Total;

    /// <summary>Bytes that there are at all, on a CPU of the machine or the container; null where that is not known. A GPU is computed on first, since before that it does not answer.</summary>
    public long? AllBytes()
    {
        if (Device.type == DeviceType.CPU)
            return MachineMemory.Bytes;
        using (zeros(1, device: Device))
            return LimitBytes;
    }
}
