using System.Runtime.InteropServices;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cuda;

/// <summary>One call of a network for inputs of one shape, recorded as a CUDA graph: hundreds of kernels in one launch. At small batches a GPU
/// otherwise waits for the CPU to launch them.</summary>
internal sealed unsafe class CudaGraph : IRecordedCall
{
    private const int WarmUps = 2; // cuBLAS and cuDNN make their workspaces at the first
    private const int SizeOfCudaGraph = 4096; // sizeof(CUDAGraph) is some 200 bytes in libtorch 2.10
    private const int ThreadLocalMode = 1; // other threads may allocate memory meanwhile: a training run in the same process
    private const int Active = 1;

    private readonly CudaGraphLibrary _library;
    private readonly Device _device;
    private readonly Tensor _sample;
    private readonly Tensor _timesteps;
    private readonly Tensor? _classLabels;
    private Tensor? _output;
    private nint _stream;
    private nint _graph;
    private nint _executable;
    private bool _broken;

    private CudaGraph(CudaGraphLibrary library, Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        _library = library;
        _device = sample.device;
        // The recorded kernels read and write these addresses for ever.
        _sample = Keep(sample);
        _timesteps = Keep(timesteps);
        _classLabels = classLabels is null ? null : Keep(classLabels);
    }

    /// <summary>Records a call; in inference mode. The network must not wait for the GPU, draw random numbers or copy from the CPU.</summary>
    /// <exception cref="CudaGraphException">It cannot be recorded.</exception>
    public static CudaGraph Record(Denoiser network, Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        var graph = new CudaGraph(CudaGraphLibrary.Load(), sample, timesteps, classLabels);
        try
        {
            graph.Capture(network);
            return graph;
        }
        catch (Exception fault)
        {
            graph.Dispose();
            throw fault as CudaGraphException ?? new CudaGraphException(fault.Message.Split('\n')[0], fault);
        }
    }

    public Tensor Replay(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        _sample.copy_(sample);
        _timesteps.copy_(timesteps);
        _classLabels?.copy_(classLabels!);
        using (new DeviceGuard(_library, _device.index))
        {
            nint stream;
            CudaGraphLibrary.Check(_library.CurrentStream(_device.index, &stream), "the current stream");
            CudaGraphLibrary.Check(_library.GraphLaunch(_executable, stream), "cudaGraphLaunch");
        }
        return _output!.clone();
    }

    public void Dispose()
    {
        cuda.synchronize(_device); // a launch may be under way
        using (new DeviceGuard(_library, _device.index))
        {
            if (_executable != 0)
                _ = _library.ExecDestroy(_executable);
            _output?.Dispose();
            if (_graph != 0)
            {
                _library.Destruct(_graph);
                // After a recording that failed, libtorch's allocator still holds this address: it is looked at, never written, and so must stay readable.
                if (!_broken)
                    NativeMemory.AlignedFree((void*)_graph);
            }
            if (_stream != 0)
                _ = _library.StreamDestroy(_stream);
        }
        (_executable, _graph, _stream) = (0, 0, 0);
        _sample.Dispose();
        _timesteps.Dispose();
        _classLabels?.Dispose();
    }

    private static Tensor Keep(Tensor input) => input.clone().DetachFromDisposeScope();

    private void Capture(Denoiser network)
    {
        cuda.synchronize(_device); // the inputs are written on another stream
        using var device = new DeviceGuard(_library, _device.index);
        nint stream;
        CudaGraphLibrary.Check(_library.StreamCreate(&stream, 1), "cudaStreamCreateWithFlags"); // 1: does not wait for the default stream
        _stream = stream;
        using (new StreamGuard(_library, stream, _device.index))
        {
            for (var n = 0; n < WarmUps; n++)
                network(_sample, _timesteps, _classLabels).Dispose();
            cuda.synchronize(_device);
            _graph = (nint)NativeMemory.AlignedAlloc(SizeOfCudaGraph, 64);
            NativeMemory.Clear((void*)_graph, SizeOfCudaGraph);
            _library.Construct(_graph, 1); // 1: keeps the graph for us to make executable
            _broken = true; // until the recording has ended well
            _library.CaptureBegin(_graph, 0, 0, ThreadLocalMode);
            RecordAndEnd(network);
        }

        var raw = _library.RawGraph(_graph);
        nint executable;
        CudaGraphLibrary.Check(_library.GraphInstantiate(&executable, raw, 1), "cudaGraphInstantiateWithFlags"); // 1: frees on launch what is still allocated
        _executable = executable;
        cuda.synchronize(_device);
    }

    private void RecordAndEnd(Denoiser network)
    {
        var wellRecorded = false;
        try
        {
            _output = network(_sample, _timesteps, _classLabels).DetachFromDisposeScope();
            wellRecorded = true;
        }
        finally
        {
            int status;
            var answered = _library.StreamIsCapturing(_stream, &status) == 0;
            if (wellRecorded && answered && status == Active)
            {
                _library.CaptureEnd(_graph);
                _broken = false;
            }
            else
            {
                // libtorch's own end would throw through us. The code is that of the failed recording, which the exception on its way tells better.
                nint unfinished;
                if (_library.StreamEndCapture(_stream, &unfinished) == 0 && unfinished != 0)
                    _ = _library.GraphDestroy(unfinished);
                _ = _library.GetLastError();
            }
        }

        if (_broken)
            throw new CudaGraphException("the recording became invalid: an operation of the network cannot be recorded");
    }

    private readonly ref struct DeviceGuard
    {
        private readonly CudaGraphLibrary _library;
        private readonly nint _handle;

        public DeviceGuard(CudaGraphLibrary library, int index)
        {
            nint handle;
            CudaGraphLibrary.Check(library.CreateDeviceGuard(index, &handle), "aoti_torch_create_cuda_guard");
            (_library, _handle) = (library, handle);
        }

        public void Dispose() => _ = _library.DeleteDeviceGuard(_handle);
    }

    private readonly ref struct StreamGuard
    {
        private readonly CudaGraphLibrary _library;
        private readonly nint _handle;

        public StreamGuard(CudaGraphLibrary library, nint stream, int index)
        {
            nint handle;
            CudaGraphLibrary.Check(library.CreateStreamGuard(stream, index, &handle), "aoti_torch_create_cuda_stream_guard");
            (_library, _handle) = (library, handle);
        }

        public void Dispose() => _ = _library.DeleteStreamGuard(_handle);
    }
}
