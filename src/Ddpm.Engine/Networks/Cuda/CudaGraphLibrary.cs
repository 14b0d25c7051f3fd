using System.Runtime.InteropServices;

namespace Ddpm.Engine.Networks.Cuda;

/// <summary>What recording needs of libtorch and of the CUDA runtime under it, found by name.</summary>
/// <remarks>
/// libtorch's class <c>at::cuda::CUDAGraph</c> has no stable interface, hence the mangled names (those of libtorch 2.8 to 2.11). It gives what nothing
/// else does: a recorded call has memory to itself, which no other work is ever given. Its functions throw where they fail, which would end the process, so
/// whatever can fail (ending an invalid recording, making it executable, launching it) is done with the CUDA runtime, which returns codes.
/// </remarks>
internal sealed unsafe class CudaGraphLibrary
{
    private readonly nint _torch;

    private CudaGraphLibrary(nint torch)
    {
        _torch = torch;
        Construct = (delegate* unmanaged[Cdecl]<nint, byte, void>)Find("_ZN2at4cuda9CUDAGraphC1Eb");
        Destruct = (delegate* unmanaged[Cdecl]<nint, void>)Find("_ZN2at4cuda9CUDAGraphD1Ev");
        CaptureBegin = (delegate* unmanaged[Cdecl]<nint, ulong, ulong, int, void>)Find("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");
        CaptureEnd = (delegate* unmanaged[Cdecl]<nint, void>)Find("_ZN2at4cuda9CUDAGraph11capture_endEv");
        RawGraph = (delegate* unmanaged[Cdecl]<nint, nint>)Find("_ZN2at4cuda9CUDAGraph14raw_cuda_graphEv");
        CreateDeviceGuard = (delegate* unmanaged[Cdecl]<int, nint*, int>)Find("aoti_torch_create_cuda_guard");
        DeleteDeviceGuard = (delegate* unmanaged[Cdecl]<nint, int>)Find("aoti_torch_delete_cuda_guard");
        CreateStreamGuard = (delegate* unmanaged[Cdecl]<nint, int, nint*, int>)Find("aoti_torch_create_cuda_stream_guard");
        DeleteStreamGuard = (delegate* unmanaged[Cdecl]<nint, int>)Find("aoti_torch_delete_cuda_stream_guard");
        CurrentStream = (delegate* unmanaged[Cdecl]<int, nint*, int>)Find("aoti_torch_get_current_cuda_stream");
        StreamCreate = (delegate* unmanaged[Cdecl]<nint*, uint, int>)Find("cudaStreamCreateWithFlags");
        StreamDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Find("cudaStreamDestroy");
        StreamIsCapturing = (delegate* unmanaged[Cdecl]<nint, int*, int>)Find("cudaStreamIsCapturing");
        StreamEndCapture = (delegate* unmanaged[Cdecl]<nint, nint*, int>)Find("cudaStreamEndCapture");
        GraphInstantiate = (delegate* unmanaged[Cdecl]<nint*, nint, ulong, int>)Find("cudaGraphInstantiateWithFlags");
        GraphLaunch = (delegate* unmanaged[Cdecl]<nint, nint, int>)Find("cudaGraphLaunch");
        GraphDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Find("cudaGraphDestroy");
        ExecDestroy = (delegate* unmanaged[Cdecl]<nint, int>)Find("cudaGraphExecDestroy");
        GetLastError = (delegate* unmanaged[Cdecl]<int>)Find("cudaGetLastError");
    }

    /// <summary>CUDAGraph(keep_graph), in memory that the caller gives.</summary>
    public delegate* unmanaged[Cdecl]<nint, byte, void> Construct { get; }

    public delegate* unmanaged[Cdecl]<nint, void> Destruct { get; }

    /// <summary>(this, pool as two numbers, cudaStreamCaptureMode): a pair of integers is passed in two registers.</summary>
    public delegate* unmanaged[Cdecl]<nint, ulong, ulong, int, void> CaptureBegin { get; }

    public delegate* unmanaged[Cdecl]<nint, void> CaptureEnd { get; }

    public delegate* unmanaged[Cdecl]<nint, nint> RawGraph { get; }

    public delegate* unmanaged[Cdecl]<int, nint*, int> CreateDeviceGuard { get; }

    public delegate* unmanaged[Cdecl]<nint, int> DeleteDeviceGuard { get; }

    public delegate* unmanaged[Cdecl]<nint, int, nint*, int> CreateStreamGuard { get; }

    public delegate* unmanaged[Cdecl]<nint, int> DeleteStreamGuard { get; }

    public delegate* unmanaged[Cdecl]<int, nint*, int> CurrentStream { get; }

    public delegate* unmanaged[Cdecl]<nint*, uint, int> StreamCreate { get; }

    public delegate* unmanaged[Cdecl]<nint, int> StreamDestroy { get; }

    public delegate* unmanaged[Cdecl]<nint, int*, int> StreamIsCapturing { get; }

    public delegate* unmanaged[Cdecl]<nint, nint*, int> StreamEndCapture { get; }

    public delegate* unmanaged[Cdecl]<nint*, nint, ulong, int> GraphInstantiate { get; }

    public delegate* unmanaged[Cdecl]<nint, nint, int> GraphLaunch { get; }

    public delegate* unmanaged[Cdecl]<nint, int> GraphDestroy { get; }

    public delegate* unmanaged[Cdecl]<nint, int> ExecDestroy { get; }

    /// <summary>Reads the runtime's error of this thread and clears it, so that the next operation does not report it as its own.</summary>
    public delegate* unmanaged[Cdecl]<int> GetLastError { get; }

    /// <summary>Looks everything up.</summary>
    /// <exception cref="CudaGraphException">Something is not there.</exception>
    public static CudaGraphLibrary Load()
    {
        if (!Environment.Is64BitProcess || !OperatingSystem.IsLinux())
            throw new CudaGraphException("recording is for 64-bit Linux");
        // Loaded already, by its path, where there is one; what it depends on is searched with it.
        return NativeLibrary.TryLoad("libtorch_cuda.so", out var torch) ? new CudaGraphLibrary(torch) : throw new CudaGraphException("this libtorch is built without CUDA");
    }

    /// <summary>Fails with the name of what failed.</summary>
    /// <exception cref="CudaGraphException">The code is not 0.</exception>
    public static void Check(int code, string what)
    {
        if (code != 0)
            throw new CudaGraphException($"{what} gave error {code}");
    }

    private nint Find(string name) =>
        NativeLibrary.TryGetExport(_torch, name, out var address) ? address : throw new CudaGraphException($"this libtorch has no {name}");
}
