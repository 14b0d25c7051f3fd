using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The weights of a run and all that moves with them, as memory of the CPU, cut into pieces that threads share out.</summary>
/// <remarks>What is computed depends on the pieces and never on which thread takes one, or when.</remarks>
internal sealed unsafe class HostMemory
{
    private const int PieceLength = 1 << 14; // 64 KiB of each array: it stays in the second-level cache

    private readonly WeightRun[] _pieces;
    private readonly int[] _owners; // the parameter that each piece belongs to
    private readonly int[] _offsets; // of each piece in its parameter
    private readonly double[] _squareSums;

    /// <param name="weights">What is moved: float32, contiguous, on the CPU, and never to be moved elsewhere. Borrowed for as long as this is used.</param>
    /// <param name="firstMoments">Shaped alike. Borrowed.</param>
    /// <param name="secondMoments">Shaped alike. Borrowed.</param>
    /// <param name="averages">Shaped alike; null for none. Borrowed.</param>
    /// <param name="copies">bfloat16, shaped alike; null for none. Borrowed.</param>
    public HostMemory(
        IReadOnlyList<Tensor> weights, IReadOnlyList<Tensor> firstMoments, IReadOnlyList<Tensor> secondMoments, IReadOnlyList<Tensor>? averages, IReadOnlyList<Tensor>? copies)
    {
        var pieces = new List<WeightRun>();
        var owners = new List<int>();
        var offsets = new List<int>();
        for (var index = 0; index < weights.Count; index++)
        {
            var length = checked((int)weights[index].numel());
            var weight = Address<float>(weights[index]);
            var m = Address<float>(firstMoments[index]);
            var v = Address<float>(secondMoments[index]);
            var average = averages is null ? null : Address<float>(averages[index]);
            var copy = copies is null ? null : Address<ushort>(copies[index]);
            for (var offset = 0; offset < length; offset += PieceLength)
            {
                pieces.Add(new WeightRun
                {
                    Weight = weight + offset,
                    FirstMoment = m + offset,
                    SecondMoment = v + offset,
                    Average = average is null ? null : average + offset,
                    Copy = copy is null ? null : copy + offset,
                    Count = Math.Min(PieceLength, length - offset),
                });
                owners.Add(index);
                offsets.Add(offset);
            }
        }

        (_pieces, _owners, _offsets) = ([.. pieces], [.. owners], [.. offsets]);
        _squareSums = new double[_pieces.Length];
    }

    /// <summary>The joint L2 norm of the gradients.</summary>
    /// <param name="gradients">float32 or bfloat16, contiguous; null for a weight that has none. Borrowed.</param>
    public double Norm(IReadOnlyList<Tensor?> gradients)
    {
        var addresses = Addresses(gradients);
        ForEachPiece(piece =>
        {
            var (gradient, narrow) = addresses[_owners[piece]];
            _squareSums[piece] = gradient == 0 ? 0 : AdamWKernel.SquareSum((void*)(gradient + _offsets[piece] * Size(narrow)), narrow, _pieces[piece].Count);
        });
        return Math.Sqrt(_squareSums.Sum());
    }

    /// <summary>Moves every weight that has a gradient, and its average and copy.</summary>
    /// <param name="gradients">As for <see cref="Norm"/>.</param>
    /// <param name="numbers">Of this step.</param>
    public void Move(IReadOnlyList<Tensor?> gradients, AdamWNumbers numbers)
    {
        var addresses = Addresses(gradients);
        ForEachPiece(index =>
        {
            var (gradient, narrow) = addresses[_owners[index]];
            if (gradient == 0)
                return;
            var piece = _pieces[index];
            AdamWKernel.Move(
                new WeightRun
                {
                    Weight = piece.Weight,
                    FirstMoment = piece.FirstMoment,
                    SecondMoment = piece.SecondMoment,
                    Gradient = (void*)(gradient + _offsets[index] * Size(narrow)),
                    GradientIsNarrow = narrow,
                    Average = piece.Average,
                    Copy = piece.Copy,
                    Count = piece.Count,
                },
                numbers);
        });
    }

    private static nint Size(bool narrow) => narrow ? 2 : 4;

    private static (nint Address, bool Narrow)[] Addresses(IReadOnlyList<Tensor?> gradients) => [.. gradients.Select(gradient => gradient is null
        ? (0, false)
        : gradient.dtype == ScalarType.BFloat16 ? ((nint)Address<ushort>(gradient), true) : ((nint)Address<float>(gradient), false))];

    private static T* Address<T>(Tensor tensor)
        where T : unmanaged
    {
        if (!tensor.is_contiguous() || tensor.device_type != TorchSharp.DeviceType.CPU || tensor.ElementSize != sizeof(T))
            throw new ArgumentException($"Expected a contiguous tensor of {sizeof(T)} bytes a number on the CPU, got {tensor.dtype} on {tensor.device}.", nameof(tensor));
        return (T*)Unsafe.AsPointer(ref MemoryMarshal.GetReference(tensor.bytes)); // libtorch's memory, which does not move
    }

    private void ForEachPiece(Action<int> work) =>
        Parallel.For(0, _pieces.Length, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, get_num_threads()) }, work);
}
