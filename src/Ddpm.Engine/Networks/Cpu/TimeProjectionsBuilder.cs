using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Gathers the residual blocks' projections of the time embedding, which are one matrix.</summary>
internal sealed class TimeProjectionsBuilder
{
    private readonly List<Tensor> _weights = [];
    private readonly List<Tensor> _biases = [];
    private int _width;

    /// <summary>Adds a block's.</summary>
    /// <returns>Where in a row its values begin.</returns>
    public int Add(Tensor weight, Tensor bias)
    {
        var offset = _width;
        _weights.Add(weight);
        _biases.Add(bias);
        _width += (int)weight.shape[0];
        return offset;
    }

    /// <summary>All of them. The tensors belong to the caller's dispose scope.</summary>
    public (Tensor Weight, Tensor Bias) Joined() => (cat(_weights), cat(_biases));
}
