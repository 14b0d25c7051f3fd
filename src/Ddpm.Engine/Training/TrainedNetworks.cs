using Ddpm.Engine.Native;
using Ddpm.Engine.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The weights of a run: the float32 masters that the optimizer moves, the copy of them that computes, and their average.</summary>
/// <remarks>
/// In half precision the copy computes everything, GroupNorm included: ATen sums and normalises in float32 whatever its input's type, so only the result of
/// a norm is rounded, as that of every other operation is. (torch's autocast leaves norms in float32, which saves that rounding and costs two conversions a norm.)
/// Gradients are widened after each pass, so they are summed over passes in float32.
/// </remarks>
internal sealed class TrainedNetworks : IDisposable
{
    private readonly List<(Tensor Master, Tensor Copy)> _copies; // empty in float32
    private readonly Device _device;
    private readonly bool _widens; // whether gradients go to the masters after each pass, or stay with the copy until the step
    private bool _copiesAreStale = true;

    /// <summary>Builds them, with first weights that follow from the seed.</summary>
    public TrainedNetworks(UNetConfig network, TrainingConfig config, Device device)
    {
        _device = device;
        lock (GlobalRandom.Gate)
        {
            manual_seed((long)config.Seed);
            Master = new UNet(network);
            Averaged = config.EmaDecay == 0 ? null : new UNet(network);
            Computing = config.Precision == TrainingPrecision.Float32 ? Master : new UNet(network);
        }

        Master.to(device);
        Averaged?.load_state_dict(Master.state_dict());
        Averaged?.to(device);
        Averaged?.eval();
        Computing.ConvertTo(config.Precision.Dtype());
        Computing.to(device);
        Computing.train();
        Computing.RecomputesBlocks = config.GradientCheckpointing;
        var copies = Computing.named_parameters().ToDictionary(pair => pair.name, pair => (Tensor)pair.parameter);
        Parameters = [.. Master.named_parameters().Where(pair => pair.parameter.requires_grad).Select(pair => (pair.name, (Tensor)pair.parameter))];
        _copies = Computing == Master ? [] : [.. Master.named_parameters().Select(pair => ((Tensor)pair.parameter, copies[pair.name]))];
        _widens = config.Precision == TrainingPrecision.Float16 || config.GradientAccumulationSteps > 1;
        var averages = Averaged?.state_dict();
        Moved = new MovedTensors(
            Parameters,
            averages is null ? null : [.. Parameters.Select(parameter => averages[parameter.Name])],
            config.Precision == TrainingPrecision.BFloat16 ? [.. Parameters.Select(parameter => copies[parameter.Name])] : null);
    }

    /// <summary>float32; what the optimizer moves.</summary>
    public UNet Master { get; }

    /// <summary>What is called: <see cref="Master"/> itself in float32. In training mode.</summary>
    public UNet Computing { get; }

    /// <summary>The average; null where the run keeps none. In evaluation mode.</summary>
    public UNet? Averaged { get; }

    /// <summary>What pictures are drawn with, and what a checkpoint holds as the model.</summary>
    public UNet Model => Averaged ?? Master;

    /// <summary>The masters that require gradients, with their names.</summary>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters { get; }

    /// <summary>What an optimizer step moves: the masters that require gradients, with their averages and, in bfloat16, their copies.</summary>
    public MovedTensors Moved { get; }

    /// <summary>Brings the first weights back.</summary>
    public void Restart(ulong seed)
    {
        using var noGradients = no_grad();
        UNet first;
        lock (GlobalRandom.Gate)
        {
            manual_seed((long)seed);
            first = new UNet(Master.Config);
        }

        using (first.to(_device))
        {
            Master.load_state_dict(first.state_dict());
            Averaged?.load_state_dict(first.state_dict());
        }

        MastersWereReplaced();
    }

    /// <summary>The masters were written to, and not by an optimizer step.</summary>
    public void MastersWereReplaced() => _copiesAreStale = true;

    /// <summary>Rounds the masters into the copy that computes, where an optimizer step has not done so already.</summary>
    public void RoundMasters()
    {
        if (!_copiesAreStale && Moved.Copies is not null)
            return;
        using var noGradients = no_grad();
        foreach (var (master, copy) in _copies)
            copy.copy_(master);
        _copiesAreStale = false;
    }

    /// <summary>Adds the copy's gradients, widened and divided by the loss scale, to the masters', and forgets them; does nothing in float32, nor where one pass
    /// in bfloat16 is all of a step: its gradients are then widened as the step reads them.</summary>
    public void WidenGradients(double lossScale)
    {
        if (!_widens)
            return;
        using var noGradients = no_grad();
        foreach (var (master, copy) in _copies)
        {
            using var scope = NewDisposeScope();
            if (copy.grad is not { } gradient)
                continue;
            using Scalar scale = lossScale;
            var wide = gradient.to(ScalarType.Float32).div_(scale);
            if (master.grad is { } sum)
                sum.Plus_(wide);
            else
                master.grad = wide;
            copy.grad = null;
        }
    }

    /// <summary>How far the average is from the weights: the L2 norm of their difference over that of the weights; null without an average.</summary>
    public double? EmaDistance()
    {
        if (Averaged is null)
            return null;
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var averages = Averaged.state_dict();
        var norms = Master.state_dict().Select(pair => (Weights: pair.Value.norm(), Difference: (pair.Value - averages[pair.Key]).norm())).ToList();
        return stack([.. norms.Select(norm => norm.Difference)]).norm().item<float>() / (double)stack([.. norms.Select(norm => norm.Weights)]).norm().item<float>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Master.Dispose();
        Averaged?.Dispose();
        if (Computing != Master)
            Computing.Dispose();
    }
}
