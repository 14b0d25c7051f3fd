using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using static Ddpm.Engine.Networks.Cpu.Assembler;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>
/// The innermost loop of everything the network computes: C [rows × 32] = A [rows × k] · B [k × 32], accumulated in float32 in registers over the whole of k.
/// A value of C is the same sum in the same order whatever rows it is computed with, so a picture does not depend on its batch.
/// </summary>
/// <remarks>
/// Written as machine code at start, since .NET 10 has no intrinsic for <c>vdpbf16ps</c>, and since 28 accumulators, two columns of B and two values of A fill the
/// register file exactly, which a compiler may not find. Fourteen rows of 32 columns need 16 loads for 28 multiplications: the multipliers are what is waited for
/// (two of 512 bits a cycle on Zen 5, one on Zen 4). After Goto &amp; van de Geijn 2008; LIBXSMM (Heinecke et al. 2016) writes its kernels the same way.
/// </remarks>
internal static unsafe partial class MatrixKernels
{
    /// <summary>Columns that a kernel computes: the width of a panel of B.</summary>
    public const int PanelWidth = 32;

    /// <summary>Rows that a kernel computes at most.</summary>
    public const int MostRows = 14;

    private const int Accumulators = 0; // zmm0 to zmm27
    private const int Columns = 28; // zmm28 and zmm29: B
    private const int Value = 30; // zmm30 and zmm31: A
    private const int Unrolled = 4;
    private const int PrefetchDistance = 2048;

    private static readonly Lazy<nint[]?> Kernels = new(Build);

    /// <summary>Whether this machine can run them in float32: Linux on x86-64 with AVX-512.</summary>
    public static bool AreSupported => Kernels.Value is not null;

    /// <summary>Whether this machine can run them in bfloat16 too.</summary>
    public static bool SupportBFloat16 => AreSupported && HasBFloat16();

    /// <summary>C = A · B, or C += A · B.</summary>
    /// <param name="rows">Any number.</param>
    /// <param name="a">Row after row; of float32, or of pairs of bfloat16.</param>
    /// <param name="aStride">Bytes from row to row.</param>
    /// <param name="b">A panel: for each k 32 values of float32, or of pairs of bfloat16.</param>
    /// <param name="c">float32.</param>
    /// <param name="cStride">Bytes from row to row.</param>
    /// <param name="k">Length of the sums; in bfloat16 the number of pairs.</param>
    /// <param name="accumulate">Add to C instead of replacing it.</param>
    /// <param name="type">Of A and B.</param>
    public static void Multiply(int rows, void* a, nint aStride, void* b, float* c, nint cStride, int k, bool accumulate, MatrixType type)
    {
        var kernels = Kernels.Value!;
        var first = ((int)type * 2 * MostRows) + (accumulate ? MostRows : 0) - 1;
        var blocks = (rows + MostRows - 1) / MostRows;
        for (; blocks > 0; blocks--)
        {
            var count = (rows + blocks - 1) / blocks; // blocks of equal height: 16 rows are 8 and 8, not 14 and 2
            ((delegate* unmanaged[Cdecl, SuppressGCTransition]<void*, nint, void*, float*, nint, nint, void>)kernels[first + count])(a, aStride, b, c, cStride, k);
            a = (byte*)a + (count * aStride);
            c = (float*)((byte*)c + (count * cStride));
            rows -= count;
        }
    }

    private static nint[]? Build()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64 || !Avx512F.IsSupported || !Avx512DQ.IsSupported || !Avx512BW.IsSupported)
            return null;
        var codes = new List<byte[]>();
        foreach (var type in Enum.GetValues<MatrixType>())
            foreach (var accumulate in new[] { false, true })
                for (var rows = 1; rows <= MostRows; rows++)
                    codes.Add(Code(rows, accumulate, type));
        return ExecutableMemory.Place(codes);
    }

    // System V: rdi = a, rsi = aStride, rdx = b, rcx = c, r8 = cStride, r9 = k.
    private static byte[] Code(int rows, bool accumulate, MatrixType type)
    {
        var code = new Assembler();
        foreach (var saved in new[] { Rbx, R12, R14, R15 })
            code.Push(saved);

        // Odd multiples of the stride; x86 multiplies an index by 1, 2, 4 or 8 itself, so all rows are in reach of rdi.
        code.Lea(Rax, Rsi, Rsi, 1); // 3
        code.Lea(R10, Rsi, Rsi, 2); // 5
        code.Lea(R11, Rax, Rsi, 2); // 7
        code.Lea(Rbx, Rsi, Rsi, 3); // 9
        code.Lea(R14, Rax, Rsi, 3); // 11
        code.Lea(R15, R10, Rsi, 3); // 13

        Begin(code, rows, accumulate);
        code.SubtractConstant(R9, Unrolled);
        var toRest = code.JumpIfLess();
        var loop = code.Here;
        for (var step = 0; step < Unrolled; step++)
            Step(code, rows, step, type);
        Advance(code, Unrolled);
        code.SubtractConstant(R9, Unrolled);
        code.JumpBackIfNotLess(loop);

        code.Land(toRest);
        code.AddConstant(R9, Unrolled);
        var toEnd = code.JumpIfZero();
        loop = code.Here;
        Step(code, rows, 0, type);
        Advance(code, 1);
        code.SubtractConstant(R9, 1);
        code.JumpBackIfNotZero(loop);

        code.Land(toEnd);
        ForEachRow(code, rows, code.Store);
        foreach (var saved in new[] { R15, R14, R12, Rbx })
            code.Pop(saved);
        code.Return();
        return code.ToArray();
    }

    private static void Begin(Assembler code, int rows, bool accumulate)
    {
        if (accumulate)
            ForEachRow(code, rows, code.Load);
        else
            for (var accumulator = 0; accumulator < 2 * rows; accumulator++)
                code.Zero(Accumulators + accumulator);
    }

    private static void ForEachRow(Assembler code, int rows, Action<int, int, int> access)
    {
        code.Move(R12, Rcx);
        for (var row = 0; row < rows; row++)
        {
            access(Accumulators + (2 * row), R12, 0);
            access(Accumulators + (2 * row) + 1, R12, 64);
            code.Add(R12, R8);
        }
    }

    private static void Step(Assembler code, int rows, int step, MatrixType type)
    {
        code.Load(Columns, Rdx, step * 128);
        code.Load(Columns + 1, Rdx, (step * 128) + 64);
        code.Prefetch(Rdx, PrefetchDistance + (step * 128));
        code.Prefetch(Rdx, PrefetchDistance + (step * 128) + 64);
        for (var row = 0; row < rows; row++)
        {
            var value = Value + (row & 1);
            var (index, scale) = Row(row);
            code.Broadcast(value, Rdi, index, scale, step * 4);
            Action<int, int, int> multiply = type == MatrixType.Float32 ? code.MultiplyAdd : code.DotBFloat16;
            multiply(Accumulators + (2 * row), value, Columns);
            multiply(Accumulators + (2 * row) + 1, value, Columns + 1);
        }
    }

    private static void Advance(Assembler code, int steps)
    {
        code.AddConstant(Rdi, steps * 4);
        code.AddConstant(Rdx, steps * 128);
    }

    private static (int? Index, int Scale) Row(int row) => row switch
    {
        0 => (null, 0),
        1 => (Rsi, 0),
        2 => (Rsi, 1),
        3 => (Rax, 0),
        4 => (Rsi, 2),
        5 => (R10, 0),
        6 => (Rax, 1),
        7 => (R11, 0),
        8 => (Rsi, 3),
        9 => (Rbx, 0),
        10 => (R10, 1),
        11 => (R14, 0),
        12 => (Rax, 2),
        _ => (R15, 0),
    };

    // CPUID.(EAX=7, ECX=1):EAX[5]
    private static bool HasBFloat16() => X86Base.CpuId(0, 0).Eax >= 7 && X86Base.CpuId(7, 0).Eax >= 1 && (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;
}

/// <summary>What a kernel multiplies. It sums in float32 always.</summary>
internal enum MatrixType
{
    Float32,
    BFloat16,
}
