using Ddpm.Engine.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>A step of AdamW on a GPU: libtorch's fused kernel where it can be reached, and single operations where not.</summary>
internal sealed class DeviceUpdate : IDisposable
{
    private readonly MovedTensors _tensors;
    private readonly IReadOnlyList<Tensor> _firstMoments;
    private readonly IReadOnlyList<Tensor> _secondMoments;
    private readonly TrainingConfig _config;
    private readonly Tensor _steps;
    private readonly Tensor _gradientDivisor;
    private readonly Tensor _averageShare;

    public DeviceUpdate(MovedTensors tensors, IReadOnlyList<Tensor> firstMoments, IReadOnlyList<Tensor> secondMoments, TrainingConfig config)
    {
        (_tensors, _firstMoments, _secondMoments, _config) = (tensors, firstMoments, secondMoments, config);
        var device = tensors.Parameters[0].Value.device;
        _steps = zeros(1, device: device).DetachFromDisposeScope();
        _gradientDivisor = ones(1, device: device).DetachFromDisposeScope();
        _averageShare = zeros([], device: device).DetachFromDisposeScope();
    }

    /// <param name="gradients">Of each parameter; null for one that has none. Changed.</param>
    /// <param name="numbers">Of this step.</param>
    /// <param name="learningRate">Of this step.</param>
    /// <param name="stepsTaken">This one included.</param>
    /// <param name="fused">False for single operations.</param>
    public void Move(IReadOnlyList<Tensor?> gradients, AdamWNumbers numbers, double learningRate, long stepsTaken, bool fused)
    {
        var moved = Enumerable.Range(0, gradients.Count).Where(index => gradients[index] is not null).ToList();
        List<Tensor> wide = moved.ConvertAll(index => gradients[index]!.to(ScalarType.Float32));
        if (fused)
            MoveFused(moved, wide, numbers, learningRate, stepsTaken);
        else
            MoveSingly(moved, wide, numbers);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _steps.Dispose();
        _gradientDivisor.Dispose();
        _averageShare.Dispose();
    }

    // Numbers that change are filled into tensors on the device: nothing is read back, and nothing is waited for.
    private void MoveFused(List<int> moved, List<Tensor> gradients, AdamWNumbers numbers, double learningRate, long stepsTaken)
    {
        var weights = moved.ConvertAll(index => _tensors.Parameters[index].Value);
        _steps.Become(stepsTaken);
        _gradientDivisor.Become(1 / numbers.GradientFactor);
        AtenDispatcher.Call(
            "aten::_fused_adamw_", "",
            weights, gradients, moved.ConvertAll(index => _firstMoments[index]), moved.ConvertAll(index => _secondMoments[index]), Array.Empty<Tensor>(), moved.ConvertAll(_ => _steps),
            learningRate, _config.Beta1, _config.Beta2, _config.WeightDecay, _config.AdamEpsilon, false, false,
            numbers.GradientFactor < 1 ? new AtenDispatcher.Optional(_gradientDivisor) : null, null);
        if (_tensors.Averages is { } averages)
        {
            _averageShare.Become(numbers.AverageShare);
            AtenDispatcher.Call("aten::_foreach_lerp_", "List", moved.ConvertAll(index => averages[index]), weights, moved.ConvertAll(_ => _averageShare));
        }

        if (_tensors.Copies is { } copies)
            AtenDispatcher.Call("aten::_foreach_copy_", "", moved.ConvertAll(index => copies[index]), weights, false);
    }

    private void MoveSingly(List<int> moved, List<Tensor> gradients, AdamWNumbers numbers)
    {
        using Scalar decay = numbers.Decay, beta2 = numbers.Beta2, share = numbers.SecondShare, correction = numbers.SecondCorrection, epsilon = numbers.Epsilon, rate = numbers.Rate;
        foreach (var (index, wide) in moved.Zip(gradients))
        {
            using var scope = NewDisposeScope();
            var gradient = numbers.GradientFactor < 1 ? wide.Times(numbers.GradientFactor) : wide;
            var (parameter, m, v) = (_tensors.Parameters[index].Value, _firstMoments[index], _secondMoments[index]);
            parameter.mul_(decay);
            m.lerp_(gradient, numbers.FirstShare);
            v.mul_(beta2).addcmul_(gradient, gradient, share);
            parameter.addcdiv_(m, v.sqrt().div_(correction).add_(epsilon, Scalars.One), rate);
            _tensors.Averages?[index].lerp_(parameter, numbers.AverageShare);
            _tensors.Copies?[index].copy_(parameter);
        }
    }
}
