using System.Buffers.Binary;

namespace Ddpm.Hostile.Fuzzing;

/// <summary>Changes bytes as chance has it: a bit, a number, a piece, the end.</summary>
internal static class Mutation
{
    private const string Letters = "0123456789-+.eE\"\\{}[]:,nul/ ";

    private static readonly long[] _numbers = [0, 1, -1, 2, 7, 8, 16, 127, 128, 255, 256, 512, 32_767, 32_768, 65_535, 65_536, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 62, long.MaxValue, long.MinValue, 100_000_000];

    public static byte[] Of(byte[] seed, byte[][] others, Random random)
    {
        var bytes = seed.ToList();
        for (var changes = 1 + random.Next(4); changes > 0; changes--)
            Change(bytes, others, random);
        return [.. bytes];
    }

    public static long Number(Random random) => random.Next(4) == 0 ? random.NextInt64(-40, 200) : _numbers[random.Next(_numbers.Length)];

    private static void Change(List<byte> bytes, byte[][] others, Random random)
    {
        if (bytes.Count == 0)
            return;
        var at = random.Next(bytes.Count);
        switch (random.Next(9))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                Overwrite(bytes, at, 1 << random.Next(1, 4), Number(random));
                break;
            case 3:
                bytes.RemoveRange(at, Math.Min(random.Next(1, 64), bytes.Count - at));
                break;
            case 4:
                bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 64), bytes.Count - at)));
                break;
            case 5:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 6: // the beginning of one, the end of another
                var other = others[random.Next(others.Length)];
                bytes.RemoveRange(at, bytes.Count - at);
                bytes.AddRange(other[random.Next(other.Length)..]);
                break;
            case 7:
                bytes.InsertRange(at, Enumerable.Repeat((byte)random.Next(256), random.Next(1, 600)));
                break;
            default:
                bytes[at] = (byte)Letters[random.Next(Letters.Length)];
                break;
        }
    }

    private static void Overwrite(List<byte> bytes, int at, int size, long number)
    {
        Span<byte> value = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(value, number);
        for (var n = 0; n < size && at + n < bytes.Count; n++)
            bytes[at + n] = value[n];
    }
}
