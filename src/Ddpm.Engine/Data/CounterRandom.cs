namespace Ddpm.Engine.Data;

/// <summary>
/// Random numbers as a function: number n of a stream follows from (seed, stream, n) alone, so nothing need be stored to go on after a
/// restart. SplitMix64 (Steele et al. 2014) with a key mixed from seed and stream.
/// </summary>
internal readonly struct CounterRandom(ulong seed, ulong stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private readonly ulong _key = Mix(Mix(seed + Golden) + stream);

    /// <summary>64 random bits.</summary>
    public ulong Bits(ulong n) => Mix(_key + (n + 1) * Golden);

    /// <summary>A whole number from 0 to below <paramref name="bound"/>; its bias, under bound/2⁶⁴, is beyond measuring.</summary>
    public int Below(ulong n, int bound) => (int)Math.BigMul(Bits(n), (ulong)bound, out _);

    /// <summary>A number in [0, 1).</summary>
    public double Unit(ulong n) => (Bits(n) >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
