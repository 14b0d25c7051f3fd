using Ddpm.Engine.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Adam with decoupled weight decay. Loshchilov &amp; Hutter 2019, algorithm 2, in the order of operations of torch's AdamW.</summary>
/// <remarks>Its state is open, since a checkpoint needs it for an exact resume. On a CPU it passes over memory once a step, the average of the weights included.</remarks>
public sealed class AdamW : IDisposable
{
    private readonly TrainingConfig _config;
    private readonly MovedTensors _tensors;
    private readonly HostMemory? _host; // on a CPU
    private readonly DeviceUpdate? _device; // elsewhere
    private readonly bool _fused;
    private double _gradientFactor = 1;

    /// <param name="parameters">What it moves: float32, names with tensors that require gradients, on their final device. Borrowed.</param>
    /// <param name="config">Supplies β₁, β₂, ε and the weight decay.</param>
    public AdamW(IReadOnlyList<(string Name, Tensor Value)> parameters, TrainingConfig config)
        : this(new MovedTensors(parameters, null, null), config)
    {
    }

    /// <param name="tensors">What it moves. Borrowed.</param>
    /// <param name="config">Supplies β₁, β₂, ε and the weight decay.</param>
    /// <param name="way">How; null for the fastest that works where the tensors are.</param>
    internal AdamW(MovedTensors tensors, TrainingConfig config, AdamWWay? way = null)
    {
        (_config, _tensors) = (config, tensors);
        way ??= Parameters.All(parameter => parameter.Value.device_type == DeviceType.CPU) ? AdamWWay.OnePass : AtenDispatcher.IsAvailable ? AdamWWay.Fused : AdamWWay.Single;
        FirstMoments = Zeros();
        SecondMoments = Zeros();
        _fused = way == AdamWWay.Fused;
        if (way != AdamWWay.OnePass)
            _device = new DeviceUpdate(tensors, FirstMoments, SecondMoments, config);
        else
            _host = new HostMemory([.. Parameters.Select(parameter => parameter.Value)], FirstMoments, SecondMoments, tensors.Averages, tensors.Copies);
    }

    /// <summary>What it moves.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters => _tensors.Parameters;

    /// <summary>m, the moving mean of each parameter's gradient. Owned.</summary>
    public IReadOnlyList<Tensor> FirstMoments { get; }

    /// <summary>v, the moving mean of each parameter's squared gradient. Owned.</summary>
    public IReadOnlyList<Tensor> SecondMoments { get; }

    /// <summary>Steps taken, those not counted that were left out; set when a run is resumed.</summary>
    public long StepsTaken { get; set; }

    /// <summary>Makes the next <see cref="Step(double)"/> scale all gradients so that their joint L2 norm is at most <paramref name="maxNorm"/>.</summary>
    /// <returns>The norm before.</returns>
    public double ClipGradients(double maxNorm)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var gradients = _tensors.Gradients();
        var norm = _host?.Norm(gradients) ?? stack([.. gradients.OfType<Tensor>().Select(gradient => gradient.norm())]).norm().item<float>();
        _gradientFactor = Math.Min(1, maxNorm / (norm + 1e-6));
        return norm;
    }

    /// <summary>Moves every parameter by its gradient, then forgets the gradients.</summary>
    /// <param name="learningRate">At least 0.</param>
    public void Step(double learningRate) => Step(learningRate, averageShare: 0);

    /// <summary>Moves every parameter by its gradient, and its average and its copy with it; then forgets the gradients.</summary>
    /// <param name="learningRate">At least 0.</param>
    /// <param name="averageShare">How far averages go towards the weights: 1 − decay.</param>
    internal void Step(double learningRate, double averageShare)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        StepsTaken++;
        var firstCorrection = 1 - Math.Pow(_config.Beta1, StepsTaken);
        var secondCorrection = Math.Sqrt(1 - Math.Pow(_config.Beta2, StepsTaken));
        var numbers = new AdamWNumbers(
            (float)(1 - (learningRate * _config.WeightDecay)), (float)(1 - _config.Beta1), (float)_config.Beta2, (float)(1 - _config.Beta2), (float)secondCorrection,
            (float)_config.AdamEpsilon, (float)(-learningRate / firstCorrection), (float)_gradientFactor, (float)averageShare);
        var gradients = _tensors.Gradients();
        _host?.Move(gradients, numbers);
        _device?.Move(gradients, numbers, learningRate, StepsTaken, _fused);
        ForgetGradients();
    }

    /// <summary>Forgets all that it has gathered, as before the first step.</summary>
    public void Restart()
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.zero_();
        StepsTaken = 0;
    }

    /// <summary>Drops the gradients without moving anything.</summary>
    /// <remarks>Dropped and not zeroed: the backward pass then leaves new ones as they are, where it would have to add them to the zeros.</remarks>
    public void ForgetGradients()
    {
        _tensors.ForgetGradients();
        _gradientFactor = 1;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _device?.Dispose();
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.Dispose();
    }

    private Tensor[] Zeros()
    {
        using var scope = NewDisposeScope();
        return [.. Parameters.Select(parameter => zeros_like(parameter.Value).detach().DetachFromDisposeScope())];
    }
}

/// <summary>How a step is carried out.</summary>
internal enum AdamWWay
{
    /// <summary>In one pass over the CPU's memory.</summary>
    OnePass,

    /// <summary>By libtorch's fused kernel.</summary>
    Fused,

    /// <summary>By single operations.</summary>
    Single,
}
