using System.Runtime.CompilerServices;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A matrix [k, columns] that is multiplied by again and again, laid out once in the order in which a kernel reads it: panels of 32 columns, in each of which k
/// lines of 32 values lie one behind the other. Columns past the last are zero.</summary>
internal sealed unsafe class Panels : IDisposable
{
    private readonly float* _data;

    /// <param name="matrices">How many matrices of this size there are; each panel holds its part of all of them in turn.</param>
    /// <param name="k">Rows of a matrix; in bfloat16 they are taken by twos.</param>
    /// <param name="columns">Of a matrix.</param>
    /// <param name="type">What the values are rounded to.</param>
    /// <param name="value">(matrix, row, column) → value. Called from several threads.</param>
    public Panels(int matrices, int k, int columns, MatrixType type, Func<int, int, int, float> value)
    {
        (Matrices, Type, Count) = (matrices, type, (columns + MatrixKernels.PanelWidth - 1) / MatrixKernels.PanelWidth);
        Lines = type == MatrixType.Float32 ? k : (k + 1) / 2;
        Floats = (long)Count * matrices * Lines * MatrixKernels.PanelWidth;
        _data = Workspace.Allocate(Floats);
        Parallel.For(0, Count * matrices, index =>
        {
            var (panel, matrix) = Math.DivRem(index, matrices);
            var target = Of(panel, matrix);
            for (var row = 0; row < k; row++)
                for (var lane = 0; lane < MatrixKernels.PanelWidth; lane++)
                {
                    var column = (panel * MatrixKernels.PanelWidth) + lane;
                    var number = column < columns ? value(matrix, row, column) : 0;
                    if (type == MatrixType.Float32)
                        target[(row * MatrixKernels.PanelWidth) + lane] = number;
                    else
                        ((ushort*)target)[((row / 2 * MatrixKernels.PanelWidth) + lane) * 2 + (row & 1)] = BFloat16.Round(number);
                }

            if (type == MatrixType.BFloat16 && k % 2 == 1)
                for (var lane = 0; lane < MatrixKernels.PanelWidth; lane++)
                    ((ushort*)target)[((k / 2 * MatrixKernels.PanelWidth) + lane) * 2 + 1] = 0;
        });
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
}

/// <summary>The upper half of a float32.</summary>
internal static class BFloat16
{
    /// <summary>Rounds to the nearest, halves to even. Numbers that are not finite stay so.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Round(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
