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

/// <summary>What every residual block adds for a timestep (and a class): computed once for all blocks, and kept, since the pictures of a request, and of the next, visit
/// the same timesteps.</summary>
internal sealed unsafe class TimeProjections : IDisposable
{
    private const long MostBytes = 128L << 20;

    private readonly UNet _network;
    private readonly Panels _weight;
    private readonly BlockConstants _bias;
    private readonly Dictionary<(float Timestep, long Label), nint> _rows = [];
    private readonly Nonlinearity _nonlinearity;

    /// <param name="network">Supplies the embedding. Borrowed.</param>
    /// <param name="projections">Of all blocks.</param>
    /// <param name="nonlinearity">The blocks'.</param>
    public TimeProjections(UNet network, TimeProjectionsBuilder projections, Nonlinearity nonlinearity)
    {
        (_network, _nonlinearity) = (network, nonlinearity);
        var (weight, bias) = projections.Joined();
        Width = (int)weight.shape[0];
        _weight = new Panels(weight.t().unsqueeze(0), MatrixType.Float32);
        _bias = new BlockConstants(bias);
    }

    /// <summary>Floats of a row.</summary>
    public int Width { get; }

    /// <summary>Of the prepared weights, and the most that rows take.</summary>
    public long Bytes => (_weight.Floats * sizeof(float)) + MostBytes;

    /// <summary>Copies the rows of some pictures. A row does not depend on the others.</summary>
    /// <param name="timesteps">One a picture.</param>
    /// <param name="labels">One a picture; empty where the network knows no classes.</param>
    /// <param name="target">[pictures, <see cref="Width"/>].</param>
    public void Copy(ReadOnlySpan<float> timesteps, ReadOnlySpan<long> labels, float* target)
    {
        for (var picture = 0; picture < timesteps.Length; picture++)
        {
            var row = Row(timesteps[picture], labels.IsEmpty ? null : labels[picture]);
            Buffer.MemoryCopy(row, target + ((long)picture * Width), Width * 4L, Width * 4L);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        _weight.Dispose();
        _bias.Dispose();
    }

    private float* Row(float timestep, long? label)
    {
        var key = (timestep, label ?? -1);
        if (_rows.TryGetValue(key, out var known))
            return (float*)known;
        if (_rows.Count * (long)Width * sizeof(float) >= MostBytes)
            Forget();
        var row = Compute(timestep, label);
        _rows[key] = (nint)row;
        return row;
    }

    private float* Compute(float timestep, long? label)
    {
        using var scope = NewDisposeScope();
        var embedding = _network.Embed(tensor(new[] { timestep }), label is { } given ? tensor(new[] { given }) : null); // one at a time: ATen rounds by the batch's size
        var active = _nonlinearity == Nonlinearity.Relu ? nn.functional.relu(embedding) : nn.functional.silu(embedding);
        var row = Workspace.Allocate(_weight.Count * MatrixKernels.PanelWidth);
        fixed (byte* input = active.bytes)
            for (var panel = 0; panel < _weight.Count; panel++)
                MatrixKernels.Multiply(1, input, 0, _weight.Of(panel, 0), row + (panel * MatrixKernels.PanelWidth), 0, _weight.Lines, accumulate: false, MatrixType.Float32);
        for (var n = 0; n < Width; n++)
            row[n] += ((float*)_bias.Data)[n];
        return row;
    }

    private void Forget()
    {
        foreach (var row in _rows.Values)
            Workspace.Free((float*)row);
        _rows.Clear();
    }
}
