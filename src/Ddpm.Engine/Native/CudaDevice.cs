using System.Runtime.InteropServices;
using System.Text;

namespace Ddpm.Engine.Native;

/// <summary>What the NVIDIA driver says of a device. Its interface has been stable since CUDA 3.2.</summary>
internal static unsafe partial class CudaDevice
{
    private const string Driver = "libcuda.so.1";

    /// <summary>Such as "NVIDIA H100 80GB HBM3"; null where the driver does not answer.</summary>
    public static string? Name(int index)
    {
        try
        {
            var name = stackalloc byte[256];
            return Initialize(0) == 0 && Get(out var device, index) == 0 && GetName(name, 256, device) == 0
                ? Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name))
                : null;
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Bytes of the current device that are taken, by whomever; null where the driver does not answer or no context is current on this thread.</summary>
    public static long? UsedBytes()
    {
        try
        {
            return MemoryInfo(out var free, out var total) == 0 ? (long)(total - free) : null;
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport(Driver, EntryPoint = "cuInit")]
    private static partial int Initialize(uint flags);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGet")]
    private static partial int Get(out int device, int index);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGetName")]
    private static partial int GetName(byte* name, int length, int device);

    [LibraryImport(Driver, EntryPoint = "cuMemGetInfo_v2")]
    private static partial int MemoryInfo(out nuint free, out nuint total);
}
