using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What every residual block adds for a timestep (and a class): computed once for all blocks, and kept, since the pictures of a request, and of the next, visit
/// the same timesteps.</summary>
internal sealed unsafe class TimeProjections : IDisposable
{
    private const long MostBytes = 8L << 20; // of the article's network 240 rows: more than fast samplers visit

    private const int RowsAtOnce = MatrixKernels.MostRows;

    private readonly UNet _network;
    private readonly Panels _weight;
    private readonly PanelBias _bias;
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
        _bias = new PanelBias(bias);
    }

    /// <summary>Floats of a row.</summary>
    public int Width { get; }

    /// <summary>Of the prepared weights, and the most that rows take.</summary>
    public long Bytes => (_weight.Floats * sizeof(float)) + MostBytes;

    /// <summary>Copies the rows of some pictures. A row does not depend on the others.</summary>
    /// <param name="pass">Supplies threads and memory.</param>
    /// <param name="timesteps">One a picture.</param>
    /// <param name="labels">One a picture; empty where the network knows no classes.</param>
    /// <param name="target">[pictures, <see cref="Width"/>].</param>
    public void Copy(ForwardPass pass, ReadOnlySpan<float> timesteps, ReadOnlySpan<long> labels, float* target)
    {
        var keys = new (float Timestep, long Label)[timesteps.Length];
        for (var picture = 0; picture < keys.Length; picture++)
            keys[picture] = (timesteps[picture], labels.IsEmpty ? -1 : labels[picture]);
        if ((_rows.Count + keys.Length) * (long)Width * sizeof(float) > MostBytes)
            Forget();
        var missing = keys.Distinct().Where(key => !_rows.ContainsKey(key));
        foreach (var some in missing.Chunk(RowsAtOnce).ToList())
            Compute(pass, some);
        for (var picture = 0; picture < keys.Length; picture++, target += Width)
            Buffer.MemoryCopy((void*)_rows[keys[picture]], target, Width * 4L, Width * 4L);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Forget();
        _weight.Dispose();
        _bias.Dispose();
    }

    private void Compute(ForwardPass pass, (float Timestep, long Label)[] keys)
    {
        var padded = _weight.Count * MatrixKernels.PanelWidth;
        var inputs = pass.Space.Take((long)RowsAtOnce * _weight.Lines);
        var products = pass.Space.Take((long)RowsAtOnce * padded);
        for (var row = 0; row < keys.Length; row++)
            Embed(keys[row], new Span<float>(inputs + ((long)row * _weight.Lines), _weight.Lines));
        var pieces = Math.Min(_weight.Count, 4 * pass.Team.Size);
        pass.Share(pieces, _weight.Floats, (piece, _) =>
        {
            for (var panel = _weight.Count * piece / pieces; panel < _weight.Count * (piece + 1) / pieces; panel++)
                MatrixKernels.Multiply(
                    keys.Length, inputs, _weight.Lines * sizeof(float), _weight.Of(panel, 0), products + (panel * MatrixKernels.PanelWidth), padded * sizeof(float),
                    _weight.Lines, accumulate: false, MatrixType.Float32);
        });
        for (var row = 0; row < keys.Length; row++)
        {
            var kept = Workspace.Allocate(Width);
            for (var n = 0; n < Width; n++)
                kept[n] = products[((long)row * padded) + n] + ((float*)_bias.Data)[n];
            _rows[keys[row]] = (nint)kept;
        }

        pass.Space.Return(inputs, (long)RowsAtOnce * _weight.Lines);
        pass.Space.Return(products, (long)RowsAtOnce * padded);
    }

    // One at a time: ATen rounds by the batch's size.
    private void Embed((float Timestep, long Label) key, Span<float> target)
    {
        using var scope = NewDisposeScope();
        var embedding = _network.Embed(tensor(new[] { key.Timestep }), key.Label < 0 ? null : tensor(new[] { key.Label }));
        var active = _nonlinearity == Nonlinearity.Relu ? nn.functional.relu(embedding) : nn.functional.silu(embedding);
        MemoryMarshal.Cast<byte, float>(active.bytes).CopyTo(target);
    }

    private void Forget()
    {
        foreach (var row in _rows.Values)
            Workspace.Free((float*)row);
        _rows.Clear();
    }
}
