using System.Runtime.Intrinsics;
using Ddpm.Engine.Sampling.Normals;

namespace Ddpm.Engine.Sampling;

/// <summary>Normal noise as a function of (seed, image, step): Philox4x32-10 (Salmon et al. 2011) and Box–Muller. No state, no stream.</summary>
/// <remarks>
/// The same bits on every machine, with whatever vector instructions it has. The uniforms are exact; the functions of Box–Muller are evaluated in
/// float32, and no normal of 2²⁷ that were compared is off the exact one by more than 7·10⁻⁷, or by more than 5.1 units of its last place.
/// </remarks>
public static class PhiloxNoise
{
    /// <summary>Normals of one Philox counter: where a fill can be cut.</summary>
    public const int BlockLength = 4;

    /// <summary>Fills <paramref name="destination"/> with independent standard normals, those of image <paramref name="image"/> at <paramref name="step"/>.</summary>
    /// <param name="seed">The key.</param>
    /// <param name="image">Which picture of the seed.</param>
    /// <param name="step">0 for x_T; k + 1 for the noise that sampling step k adds.</param>
    /// <param name="destination">Any length; a prefix of a longer fill is the same.</param>
    /// <param name="purpose">Separates uses of one seed, so that training and sampling never share noise.</param>
    public static void Fill(ulong seed, uint image, uint step, Span<float> destination, NoisePurpose purpose = NoisePurpose.Sampling) =>
        FillFrom(0, seed, image, step, destination, purpose);

    /// <summary>The part of a longer <see cref="Fill"/> that begins at <paramref name="start"/>, so that threads can share one.</summary>
    /// <param name="start">Normals to skip: a multiple of <see cref="BlockLength"/>.</param>
    /// <param name="seed">The key.</param>
    /// <param name="image">Which picture of the seed.</param>
    /// <param name="step">0 for x_T; k + 1 for the noise that sampling step k adds.</param>
    /// <param name="destination">Any length.</param>
    /// <param name="purpose">Separates uses of one seed.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="start"/> is negative or not such a multiple.</exception>
    public static void FillFrom(int start, ulong seed, uint image, uint step, Span<float> destination, NoisePurpose purpose = NoisePurpose.Sampling)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNotEqual(start % BlockLength, 0, nameof(start));
        var first = (uint)(start / BlockLength) | ((uint)purpose << 28);
        var done = 0;
        if (Lanes512.IsSupported)
            done = NormalBlocks<Lanes512, Vector512<uint>>.Fill(first, step, image, seed, destination);
        if (Lanes256.IsSupported)
            done += NormalBlocks<Lanes256, Vector256<uint>>.Fill(first + (uint)(done / BlockLength), step, image, seed, destination[done..]);
        done += NormalBlocks<ScalarLane, uint>.Fill(first + (uint)(done / BlockLength), step, image, seed, destination[done..]);
        if (done == destination.Length)
            return;
        Span<float> last = stackalloc float[BlockLength];
        NormalBlocks<ScalarLane, uint>.Fill(first + (uint)(done / BlockLength), step, image, seed, last);
        last[..(destination.Length - done)].CopyTo(destination[done..]);
    }

    /// <summary>32 random bits, a function of all its arguments.</summary>
    public static uint Bits(ulong seed, uint image, uint step, NoisePurpose purpose) =>
        Block((uint)purpose << 28, step, image, 0, seed).A;

    /// <summary>Philox4x32 with ten rounds: four words from a counter of four words and a key of two.</summary>
    public static (uint A, uint B, uint C, uint D) Block(uint counter0, uint counter1, uint counter2, uint counter3, ulong key) =>
        NormalBlocks<ScalarLane, uint>.Words(counter0, counter1, counter2, counter3, key);
}
