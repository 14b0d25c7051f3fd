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

    /// <summary>Bytes of a device that are taken and that there are; null where the driver does not answer or this process has not computed there. Any thread may ask.</summary>
    public static (long Used, long Total)? Memory(int index)
    {
        try
        {
            // libtorch computes in the primary context. One that is not active is left so: it would take memory of its own.
            if (Initialize(0) != 0 || Get(out var device, index) != 0 || ContextState(device, out _, out var isActive) != 0 || isActive == 0 || Retain(out var context, device) != 0)
                return null;
            try
            {
                if (Push(context) != 0)
                    return null;
                var isKnown = MemoryInfo(out var free, out var total) == 0;
                _ = Pop(out _);
                return isKnown ? ((long)(total - free), (long)total) : null;
            }
            finally
            {
                _ = Release(device);
            }
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxGetState")]
    private static partial int ContextState(int device, out uint flags, out int isActive);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int Retain(out nint context, int device);

    [LibraryImport(Driver, EntryPoint = "cuDevicePrimaryCtxRelease_v2")]
    private static partial int Release(int device);

    [LibraryImport(Driver, EntryPoint = "cuCtxPushCurrent_v2")]
    private static partial int Push(nint context);

    [LibraryImport(Driver, EntryPoint = "cuCtxPopCurrent_v2")]
    private static partial int Pop(out nint context);

    [LibraryImport(Driver, EntryPoint = "cuInit")]
    private static partial int Initialize(uint flags);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGet")]
    private static partial int Get(out int device, int index);

    [LibraryImport(Driver, EntryPoint = "cuDeviceGetName")]
    private static partial int GetName(byte* name, int length, int device);

    [LibraryImport(Driver, EntryPoint = "cuMemGetInfo_v2")]
    private static partial int MemoryInfo(out nuint free, out nuint total);
}
