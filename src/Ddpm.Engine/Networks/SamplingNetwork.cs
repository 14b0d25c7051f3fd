using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>A network as drawing calls it: weights converted once to the precision that was asked for, float32 in and out, no gradients.</summary>
internal sealed class SamplingNetwork : IDisposable
{
    private readonly UNet _network;
    private readonly ScalarType _dtype;

    private SamplingNetwork(UNet network, ScalarType dtype) => (_network, _dtype) = (network, dtype);

    /// <summary>Takes a network in evaluation mode over: its weights are converted in place, and it is disposed with this.</summary>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public static SamplingNetwork Of(UNet network, Device device, SamplingPrecision precision)
    {
        if (precision.Refusal(device) is { } refusal)
            throw new SamplingException(refusal);
        if (precision.Dtype() != network.Dtype)
            network.to(precision.Dtype());
        return new SamplingNetwork(network, precision.Dtype());
    }

    /// <summary>As <see cref="Denoiser"/>; called in inference mode.</summary>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        if (_dtype == ScalarType.Float32)
            return _network.call(sample, timesteps, classLabels);
        using var scope = NewDisposeScope();
        return _network.call(sample.to(_dtype), timesteps, classLabels).to(ScalarType.Float32).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _network.Dispose();
}
