using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>What the blocks of one network share while it is trained.</summary>
internal sealed class BlockTraining
{
    /// <summary>Whether blocks keep only their inputs for the backward pass and compute the rest again there.</summary>
    public bool Recomputes { get; set; }

    /// <summary>With the block's index, decides what dropout drops; null leaves that to torch's generator as it stands.</summary>
    public uint? DropoutSeed { get; set; }

    /// <summary>Called right before a block's dropout, so that it drops the same activations when it is computed again.</summary>
    /// <param name="block">Index of the block in its network.</param>
    public void SeedDropout(int block)
    {
        if (DropoutSeed is { } seed)
            manual_seed(((long)block << 32) | seed);
    }

    /// <summary>Computes a block, with less memory where that is asked for.</summary>
    /// <param name="block">A function of its inputs and its own weights, the same whenever it is called.</param>
    /// <param name="inputs">Borrowed.</param>
    public Tensor Compute(Func<Tensor[], Tensor> block, params Tensor[] inputs) =>
        Recomputes && is_grad_enabled() && inputs.Any(input => input.requires_grad) ? Recomputation.Of(this, block, inputs) : block(inputs);

    /// <summary>What the newest backward pass of a block gave to a GPU's, which libtorch runs on a thread of its own, without a scope: nobody else holds it until libtorch has taken it.</summary>
    public IReadOnlyList<Tensor>? HandedBack { get; set; }
}

/// <summary>Gradient checkpointing: the forward pass of a block leaves no activations behind, and the backward pass begins by making them again.
/// Chen et al. 2016, §4.</summary>
internal sealed class Recomputation : autograd.SingleTensorFunction<Recomputation>
{
    private const string Kept = "block";

    public override string Name => nameof(Recomputation);

    public static Tensor Of(BlockTraining training, Func<Tensor[], Tensor> block, Tensor[] inputs) => apply([new Work(training, block), .. inputs]);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var work = (Work)vars[0];
        Tensor[] inputs = [.. vars[1..].Cast<Tensor>()];
        ctx.save_data(Kept, work);
        ctx.save_for_backward([.. inputs]);
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        return work.Block(inputs).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var (training, block) = (Work)ctx.get_data(Kept);
        using var scope = NewDisposeScope();
        using var gradients = enable_grad();
        Tensor[] inputs = [.. ctx.get_saved_variables().Select(input => input.detach().requires_grad_(input.requires_grad))];
        block(inputs).backward([grad_output]); // reaches the block's weights too
        List<Tensor> handedBack = [null!, .. inputs.Select(input => input.grad!.MoveToOuterDisposeScope())]; // none for the block itself
        training.HandedBack = grad_output.device_type == DeviceType.CPU ? null : handedBack;
        return handedBack;
    }

    private sealed record Work(BlockTraining Training, Func<Tensor[], Tensor> Block);
}
