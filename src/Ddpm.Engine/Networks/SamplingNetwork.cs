using Ddpm.Engine.Networks.Cpu;
using Ddpm.Engine.Networks.Cuda;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>How a GPU runs a network; on a CPU nothing of it counts.</summary>
/// <param name="ChannelsLast">Whether convolutions work in channels-last order; null where the precision decides.</param>
/// <param name="RecordsCalls">Whether small batches are recorded as CUDA graphs.</param>
internal sealed record CudaOptions(bool? ChannelsLast = null, bool RecordsCalls = true);

/// <summary>A network as drawing calls it: prepared once for the device and the precision that was asked for, float32 in and out, no gradients.</summary>
/// <remarks>On a CPU a <see cref="CpuNetwork"/> where there can be one, else ATen; on a GPU ATen, whose calls of small batches are recorded.</remarks>
internal sealed class SamplingNetwork : IDisposable
{
    private readonly UNet _network;
    private readonly bool _isBorrowed;
    private readonly CpuNetwork? _prepared;
    private readonly ScalarType _dtype;
    private readonly bool _onGpu;
    private readonly bool _channelsLast;
    private readonly bool _roundsToTensorFloat32;
    private readonly RecordedCalls? _recorded;

    private SamplingNetwork(UNet network, Device device, SamplingPrecision precision, CudaOptions options, int? threads, bool isBorrowed)
    {
        (_network, _isBorrowed) = (network, isBorrowed);
        _dtype = precision.Dtype();
        _onGpu = device.type == DeviceType.CUDA;
        var type = precision == SamplingPrecision.BFloat16 ? MatrixType.BFloat16 : MatrixType.Float32;
        if (!_onGpu && CpuNetwork.WhyNot(network.Config, type) is null)
            _prepared = new CpuNetwork(network, type, threads ?? TorchRuntime.Threads, Side, Side);
        // Tensor cores take channels last; with another order cuDNN turns every tensor around, back and forth.
        _channelsLast = _onGpu && (options.ChannelsLast ?? precision != SamplingPrecision.Float32);
        _roundsToTensorFloat32 = precision == SamplingPrecision.TFloat32;
        _recorded = _onGpu && options.RecordsCalls ? new RecordedCalls(Compute, CudaGraph.Record) : null;
    }

    /// <summary>Why calls are not recorded as CUDA graphs although they should be; null where they are.</summary>
    public string? Obstacle => _recorded?.Obstacle;

    /// <summary>Whether a picture's answer is the same to the last bit in a call of any size. Then one call at a time may be made; otherwise, on a CPU, several.</summary>
    public bool IsBatchInvariant => _prepared is not null;

    private int Side => _network.Config.SampleSize ?? 64;

    /// <summary>Takes a network in evaluation mode over: its weights may be converted in place, and it is disposed with this.</summary>
    /// <param name="network">Float32.</param>
    /// <param name="device">Where it is.</param>
    /// <param name="precision">What it is to compute in.</param>
    /// <param name="options">How a GPU runs it.</param>
    /// <param name="threads">Of a call on a CPU; null for <see cref="TorchRuntime.Threads"/>.</param>
    /// <param name="isBorrowed">Then it is not disposed, and precision must be float32.</param>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public static SamplingNetwork Of(UNet network, Device device, SamplingPrecision precision, CudaOptions? options = null, int? threads = null, bool isBorrowed = false)
    {
        if (precision.Refusal(device) is { } refusal)
            throw new SamplingException(refusal);
        var result = new SamplingNetwork(network, device, precision, options ?? new CudaOptions(), threads, isBorrowed);
        if (result._dtype != network.Dtype && result._prepared is null)
            network.ConvertTo(result._dtype);
        if (result._channelsLast)
            ChannelsLast.Convert(network);
        return result;
    }

    /// <summary>Bytes that are held from call to call: the network's weights, what has been prepared of them, and what calls have kept.</summary>
    public long Bytes => _network.parameters().Sum(parameter => parameter.numel() * parameter.element_size()) + (_prepared is null ? 0 : _prepared.WeightBytes + _prepared.WorkspaceBytes);

    /// <summary>About how many bytes a call of so many pictures needs while it lasts.</summary>
    public long CallBytes(int pictures) => _prepared is null
        ? InferenceMemory.CallBytes(_network.Config, pictures, Side)
        : Math.Max(0, (InferenceMemory.CallBytes(_network.Config, CpuNetwork.MostPicturesAtOnce, Side) * 3 / 2 * _prepared.Passes) - _prepared.WorkspaceBytes); // which it keeps from call to call

    /// <summary>As <see cref="Denoiser"/>; called in inference mode.</summary>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        if (_prepared is not null)
            return _prepared.Call(sample, timesteps, classLabels);
        if (!_onGpu)
            return Compute(sample, timesteps, classLabels);
        using var precision = TensorFloat32.Hold(_roundsToTensorFloat32);
        return _recorded is null ? Compute(sample, timesteps, classLabels) : _recorded.Call(sample, timesteps, classLabels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _prepared?.Dispose();
        _recorded?.Dispose();
        if (!_isBorrowed)
            _network.Dispose();
    }

    private Tensor Compute(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        using var scope = NewDisposeScope();
        var x = sample.to(_dtype);
        var output = _network.call(_channelsLast ? ChannelsLast.Of(x) : x, timesteps, classLabels).to(ScalarType.Float32);
        // The network's own ending leaves it in channels-last order too, which what follows need not know.
        return (_channelsLast ? output.contiguous() : output).MoveToOuterDisposeScope();
    }
}
