using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A bias, with zeros to the end of the last panel.</summary>
internal sealed unsafe class BlockConstants : IDisposable
{
    private readonly float* _data;

    /// <param name="values">Borrowed.</param>
    public BlockConstants(Tensor values)
    {
        var count = (int)values.shape[0];
        var padded = (count + MatrixKernels.PanelWidth - 1) / MatrixKernels.PanelWidth * MatrixKernels.PanelWidth;
        _data = Workspace.Allocate(padded);
        var span = new Span<float>(_data, padded);
        span.Clear();
        using var flat = values.contiguous();
        MemoryMarshal.Cast<byte, float>(flat.bytes).CopyTo(span);
    }

    /// <summary>The first value.</summary>
    public nint Data => (nint)_data;

    /// <inheritdoc/>
    public void Dispose() => Workspace.Free(_data);
}

/// <summary>A network's weights by the end of their names.</summary>
/// <param name="all">By their whole names: float32, on the CPU, contiguous.</param>
/// <param name="prefix">What comes before.</param>
internal sealed class BlockWeights(IReadOnlyDictionary<string, Tensor> all, string prefix = "")
{
    /// <summary>A weight.</summary>
    public Tensor this[string name] => all[prefix + name];

    /// <summary>Those of a part.</summary>
    public BlockWeights Of(string part) => new(all, $"{prefix}{part}.");

    /// <summary>Whether there is one.</summary>
    public bool Has(string name) => all.ContainsKey(prefix + name);
}
