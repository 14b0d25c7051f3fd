using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A matrix [k, columns] that is multiplied by again and again, laid out once in the order in which a kernel reads it: panels of 32 columns, in each of which k
/// lines of 32 values lie one behind the other. Columns past the last are zero.</summary>
internal sealed unsafe class Panels : IDisposable
{
    private readonly float* _data;

    /// <param name="matrices">float32 <c>[matrices, k, columns]</c>: each panel holds its part of all of them in turn. In bfloat16 their lines are taken by twos. Borrowed.</param>
    /// <param name="type">What the values are rounded to.</param>
    public Panels(Tensor matrices, MatrixType type)
    {
        var (k, columns) = ((int)matrices.shape[1], (int)matrices.shape[2]);
        (Matrices, Type, Count) = ((int)matrices.shape[0], type, (columns + MatrixKernels.PanelWidth - 1) / MatrixKernels.PanelWidth);
        Lines = type == MatrixType.Float32 ? k : (k + 1) / 2;
        Floats = (long)Count * Matrices * Lines * MatrixKernels.PanelWidth;
        _data = Workspace.Allocate(Floats);
        using var contiguous = matrices.contiguous();
        fixed (byte* bytes = contiguous.bytes)
        {
            var values = (nint)bytes;
            Parallel.For(0, Count * Matrices, index =>
            {
                var (panel, matrix) = Math.DivRem(index, Matrices);
                var width = Math.Min(MatrixKernels.PanelWidth, columns - (panel * MatrixKernels.PanelWidth));
                Fill(Of(panel, matrix), (float*)values + ((long)matrix * k * columns) + (panel * MatrixKernels.PanelWidth), k, columns, width);
            });
        }
    }

    /// <summary>Of 32 columns each.</summary>
    public int Count { get; }

    /// <summary>In each panel.</summary>
    public int Matrices { get; }

    /// <summary>Lines of a panel's part of one matrix: k, or half of it.</summary>
    public int Lines { get; }

    /// <summary>Of the values.</summary>
    public MatrixType Type { get; }

    /// <summary>Their size, in units of 4 bytes.</summary>
    public long Floats { get; }

    /// <summary>A panel's part of a matrix.</summary>
    public float* Of(int panel, int matrix) => _data + (((long)panel * Matrices) + matrix) * Lines * MatrixKernels.PanelWidth;

    /// <inheritdoc/>
    public void Dispose() => Workspace.Free(_data);

    private void Fill(float* target, float* source, int k, int columns, int width)
    {
        new Span<float>(target, Lines * MatrixKernels.PanelWidth).Clear();
        for (var row = 0; row < k; row++, source += columns)
            for (var lane = 0; lane < width; lane++)
                if (Type == MatrixType.Float32)
                    target[(row * MatrixKernels.PanelWidth) + lane] = source[lane];
                else
                    ((ushort*)target)[(((row / 2 * MatrixKernels.PanelWidth) + lane) * 2) + (row % 2)] = Bfloat16.Round(source[lane]);
    }
}
