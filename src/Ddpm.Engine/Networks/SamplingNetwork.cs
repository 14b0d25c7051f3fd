using Ddpm.Engine.Networks.Cuda;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>How a GPU runs a network; on a CPU nothing of it counts.</summary>
/// <param name="ChannelsLast">Whether convolutions work in channels-last order; null where the precision decides.</param>
/// <param name="RecordsCalls">Whether small batches are recorded as CUDA graphs.</param>
internal sealed record CudaOptions(bool? ChannelsLast = null, bool RecordsCalls = true);

/// <summary>A network as drawing calls it: weights converted once to the precision that was asked for, float32 in and out, no gradients.</summary>
internal sealed class SamplingNetwork : IDisposable
{
    private readonly UNet _network;
    private readonly ScalarType _dtype;
    private readonly bool _onGpu;
    private readonly bool _channelsLast;
    private readonly bool _roundsToTensorFloat32;
    private readonly RecordedCalls? _recorded;

    private SamplingNetwork(UNet network, Device device, SamplingPrecision precision, CudaOptions options)
    {
        _network = network;
        _dtype = precision.Dtype();
        _onGpu = device.type == DeviceType.CUDA;
        // Tensor cores take channels last; with another order cuDNN turns every tensor around, back and forth.
        _channelsLast = _onGpu && (options.ChannelsLast ?? precision != SamplingPrecision.Float32);
        _roundsToTensorFloat32 = precision == SamplingPrecision.TFloat32;
        _recorded = _onGpu && options.RecordsCalls ? new RecordedCalls(Compute, CudaGraph.Record) : null;
    }

    /// <summary>Why calls are not recorded as CUDA graphs although they should be; null where they are.</summary>
    public string? Obstacle => _recorded?.Obstacle;

    /// <summary>Takes a network in evaluation mode over: its weights are converted in place, and it is disposed with this.</summary>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public static SamplingNetwork Of(UNet network, Device device, SamplingPrecision precision, CudaOptions? options = null)
    {
        if (precision.Refusal(device) is { } refusal)
            throw new SamplingException(refusal);
        var result = new SamplingNetwork(network, device, precision, options ?? new CudaOptions());
        if (result._dtype != network.Dtype)
            network.ConvertTo(result._dtype);
        if (result._channelsLast)
            ChannelsLast.Convert(network);
        return result;
    }

    /// <summary>As <see cref="Denoiser"/>; called in inference mode.</summary>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        if (!_onGpu)
            return Compute(sample, timesteps, classLabels);
        using var precision = TensorFloat32.Hold(_roundsToTensorFloat32);
        return _recorded is null ? Compute(sample, timesteps, classLabels) : _recorded.Call(sample, timesteps, classLabels);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _recorded?.Dispose();
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
