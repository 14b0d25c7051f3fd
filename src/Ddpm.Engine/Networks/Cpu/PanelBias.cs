using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A bias, with zeros to the end of the last panel.</summary>
internal sealed unsafe class PanelBias : IDisposable
{
    private readonly float* _data;

    /// <param name="values">Borrowed.</param>
    public PanelBias(Tensor values)
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
