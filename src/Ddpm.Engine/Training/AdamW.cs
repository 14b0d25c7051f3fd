using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Adam with decoupled weight decay. Loshchilov &amp; Hutter 2019, algorithm 2, in the order of operations of torch's AdamW.</summary>
/// <remarks>Its state is open, since a checkpoint needs it for an exact resume.</remarks>
public sealed class AdamW : IDisposable
{
    private readonly TrainingConfig _config;

    /// <param name="parameters">What it moves: names with tensors that require gradients, on their final device. Borrowed.</param>
    /// <param name="config">Supplies β₁, β₂, ε and the weight decay.</param>
    public AdamW(IReadOnlyList<(string Name, Tensor Value)> parameters, TrainingConfig config)
    {
        _config = config;
        Parameters = parameters;
        FirstMoments = [.. parameters.Select(parameter => zeros_like(parameter.Value).detach().DetachFromDisposeScope())];
        SecondMoments = [.. parameters.Select(parameter => zeros_like(parameter.Value).detach().DetachFromDisposeScope())];
    }

    /// <summary>What it moves.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    /// <summary>m, the moving mean of each parameter's gradient. Owned.</summary>
    public IReadOnlyList<Tensor> FirstMoments { get; }

    /// <summary>v, the moving mean of each parameter's squared gradient. Owned.</summary>
    public IReadOnlyList<Tensor> SecondMoments { get; }

    /// <summary>Steps taken, those not counted that were left out; set when a run is resumed.</summary>
    public long StepsTaken { get; set; }

    /// <summary>Scales all gradients so that their joint L2 norm is at most <paramref name="maxNorm"/>.</summary>
    /// <returns>The norm before.</returns>
    public double ClipGradients(double maxNorm)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var gradients = Parameters.Select(parameter => parameter.Value.grad).Where(gradient => gradient is not null).Select(gradient => gradient!).ToList();
        var norm = stack([.. gradients.Select(gradient => gradient.norm())]).norm().item<float>();
        var scale = maxNorm / (norm + 1e-6);
        if (scale < 1)
            gradients.ForEach(gradient => gradient.mul_(scale));
        return norm;
    }

    /// <summary>Moves every parameter by its gradient, then zeroes the gradients.</summary>
    /// <param name="learningRate">At least 0.</param>
    public void Step(double learningRate)
    {
        using var noGradients = no_grad();
        StepsTaken++;
        var firstCorrection = 1 - Math.Pow(_config.Beta1, StepsTaken);
        var secondCorrection = Math.Sqrt(1 - Math.Pow(_config.Beta2, StepsTaken));
        for (var index = 0; index < Parameters.Count; index++)
        {
            using var scope = NewDisposeScope();
            var parameter = Parameters[index].Value;
            if (parameter.grad is not { } gradient)
                continue;
            var (m, v) = (FirstMoments[index], SecondMoments[index]);
            parameter.mul_(1 - (learningRate * _config.WeightDecay));
            m.lerp_(gradient, 1 - _config.Beta1);
            v.mul_(_config.Beta2).addcmul_(gradient, gradient, 1 - _config.Beta2);
            var denominator = v.sqrt().div_(secondCorrection).add_(_config.AdamEpsilon);
            parameter.addcdiv_(m, denominator, -learningRate / firstCorrection);
            gradient.zero_();
        }
    }

    /// <summary>Forgets all that it has gathered, as before the first step.</summary>
    public void Restart()
    {
        using var noGradients = no_grad();
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.zero_();
        StepsTaken = 0;
    }

    /// <summary>Zeroes the gradients without moving anything.</summary>
    public void ForgetGradients()
    {
        using var noGradients = no_grad();
        using var scope = NewDisposeScope();
        foreach (var (_, value) in Parameters)
            value.grad?.zero_();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var moment in FirstMoments.Concat(SecondMoments))
            moment.Dispose();
    }
}
