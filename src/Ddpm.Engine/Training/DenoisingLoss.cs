using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Native;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>How far the network's prediction is from what it should predict: ε (Ho et al. 2020, eq. 14), x_0, or v (Salimans &amp; Ho 2022, §4).</summary>
public sealed class DenoisingLoss : IDisposable
{
    private readonly ForwardProcess _forwardProcess;
    private readonly PredictionType _predictionType;
    private readonly Tensor? _factors; // of each timestep

    /// <param name="forwardProcess">Makes x_t. Borrowed.</param>
    /// <param name="predictionType">What the network predicts.</param>
    /// <param name="factors">How much each timestep's error counts; null for all alike.</param>
    /// <param name="device">Where the pictures will be; null for the CPU.</param>
    public DenoisingLoss(ForwardProcess forwardProcess, PredictionType predictionType = PredictionType.Epsilon, IReadOnlyList<double>? factors = null, Device? device = null)
    {
        (_forwardProcess, _predictionType) = (forwardProcess, predictionType);
        using var scope = NewDisposeScope();
        if (factors is not null)
            _factors = tensor(factors.Select(factor => (float)factor).ToArray()).to(device ?? CPU).DetachFromDisposeScope();
    }

    /// <summary>The weighted mean squared error of a batch.</summary>
    /// <param name="network">In training mode; in half precision it computes in that, and the error is taken in float32. Borrowed.</param>
    /// <param name="original">x_0, float32 <c>[batch, channels, height, width]</c> in [-1, 1]. Borrowed.</param>
    /// <param name="noise">ε, shaped alike. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>, each in [0, T). Borrowed.</param>
    /// <param name="labels">int64 <c>[batch]</c>; null exactly where the network knows no classes. Borrowed.</param>
    /// <returns>A float32 scalar with its graph; the caller disposes it.</returns>
    public Tensor Compute(UNet network, Tensor original, Tensor noise, Tensor timesteps, Tensor? labels = null)
    {
        using var scope = NewDisposeScope();
        var noisy = _forwardProcess.AddNoise(original, noise, timesteps);
        var predicted = network.call(noisy.to(network.Dtype), timesteps, labels).to(ScalarType.Float32);
        var target = _predictionType switch
        {
            PredictionType.Epsilon => noise,
            PredictionType.Original => original,
            _ => _forwardProcess.Velocity(original, noise, timesteps),
        };
        if (_factors is null)
            return nn.functional.mse_loss(predicted, target).MoveToOuterDisposeScope();
        var errors = (predicted - target).Squared().mean([1, 2, 3]); // [batch]
        return (_factors[timesteps] * errors).mean().MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose() => _factors?.Dispose();
}
