using System.Runtime.InteropServices;

namespace Ddpm.Engine.Checkpoints;

/// <summary>Looks for NaN and infinity in a file of weights, a block at a time, so that a bad file is refused before a network is built for it.</summary>
internal static class FiniteWeights
{
    private const int BlockBytes = 1 << 20; // a multiple of every size of number

    /// <exception cref="CheckpointException">A tensor holds a value that is not finite; the message names it.</exception>
    public static void Check(string path)
    {
        IReadOnlyList<SafetensorsEntry> entries;
        using (var weights = Safetensors.Open(path))
            entries = [.. weights.Entries.OrderBy(entry => entry.Offset)];
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        var block = new byte[BlockBytes];
        foreach (var entry in entries)
        {
            file.Position = entry.Offset;
            for (var left = entry.Length; left > 0;)
            {
                var read = file.ReadAtLeast(block.AsSpan(0, (int)Math.Min(left, BlockBytes)), (int)Math.Min(left, BlockBytes), throwOnEndOfStream: false);
                if (read < Math.Min(left, BlockBytes))
                    throw new CheckpointException($"{Path.GetFileName(path)} ends in the middle of tensor '{entry.Name}'.");
                if (!AreFinite(entry.Dtype, block.AsSpan(0, read)))
                    throw new CheckpointException($"{Path.GetFileName(path)}: '{entry.Name}' holds values that are not finite.");
                left -= read;
            }
        }
    }

    // IEEE 754: where all bits of the exponent are set, a number is infinite or none.
    private static bool AreFinite(string dtype, ReadOnlySpan<byte> bytes) => dtype switch
    {
        "F32" => HoldsNo(MemoryMarshal.Cast<byte, uint>(bytes), 0x7F80_0000u),
        "F16" => HoldsNo(MemoryMarshal.Cast<byte, ushort>(bytes), (ushort)0x7C00),
        "BF16" => HoldsNo(MemoryMarshal.Cast<byte, ushort>(bytes), (ushort)0x7F80),
        "F64" => HoldsNo(MemoryMarshal.Cast<byte, ulong>(bytes), 0x7FF0_0000_0000_0000ul),
        _ => true,
    };

    private static bool HoldsNo<T>(ReadOnlySpan<T> numbers, T exponent)
        where T : unmanaged, System.Numerics.IBinaryInteger<T>
    {
        foreach (var number in numbers)
            if ((number & exponent) == exponent)
                return false;
        return true;
    }
}
