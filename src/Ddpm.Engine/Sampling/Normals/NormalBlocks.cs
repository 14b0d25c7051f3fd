using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ddpm.Engine.Sampling.Normals;

/// <summary>Philox4x32-10 (Salmon et al. 2011) and Box–Muller: a block is four words, and four normals. One text for all lanes, so one result.</summary>
/// <typeparam name="L">Lanes.</typeparam>
/// <typeparam name="V">Their numbers.</typeparam>
internal static class NormalBlocks<L, V>
    where L : struct, ILanes<V>
    where V : struct
{
    private const uint MultiplierA = 0xD2511F53;
    private const uint MultiplierB = 0xCD9E8D57;
    private const uint WeylA = 0x9E3779B9;
    private const uint WeylB = 0xBB67AE85;
    private const uint SquareRootOfHalf = 0x3F3504F3; // the float's bits

    /// <summary>Makes as many whole blocks as its lanes divide, in order.</summary>
    /// <param name="counter0">Of the first block; counts up by one a block.</param>
    /// <param name="counter1">The same for all.</param>
    /// <param name="counter2">The same for all; the fourth counter is 0.</param>
    /// <param name="key">The seed.</param>
    /// <param name="destination">Four floats a block.</param>
    /// <returns>How many floats were written; fewer than four blocks of all lanes are left over.</returns>
    public static int Fill(uint counter0, uint counter1, uint counter2, ulong key, Span<float> destination)
    {
        var written = 0;
        ref var start = ref MemoryMarshal.GetReference(destination);
        for (; destination.Length - written >= 4 * L.Count; written += 4 * L.Count, counter0 += (uint)L.Count)
        {
            var (a, b, c, d) = Words(L.Add(L.All(counter0), L.Blocks), L.All(counter1), L.All(counter2), L.All(0), key);
            var (first, second) = BoxMuller(a, b);
            var (third, fourth) = BoxMuller(c, d);
            L.Store(first, second, third, fourth, ref Unsafe.Add(ref start, written));
        }
        return written;
    }

    /// <summary>Philox4x32 with ten rounds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V A, V B, V C, V D) Words(V counter0, V counter1, V counter2, V counter3, ulong key)
    {
        var (key0, key1) = (L.All((uint)key), L.All((uint)(key >> 32)));
        for (var round = 0; round < 10; round++)
        {
            var lowA = L.Multiply(counter0, MultiplierA, out var highA);
            var lowB = L.Multiply(counter2, MultiplierB, out var highB);
            counter0 = L.Xor(L.Xor(highB, counter1), key0);
            counter2 = L.Xor(L.Xor(highA, counter3), key1);
            (counter1, counter3) = (lowB, lowA);
            key0 = L.Add(key0, L.All(WeylA));
            key1 = L.Add(key1, L.All(WeylB));
        }
        return (counter0, counter1, counter2, counter3);
    }

    /// <summary>√(−2 ln u)·(cos 2πw, sin 2πw) of u = (first + ½)/2³² and w = second/2³²: u is never 0 and has all its bits, so the tails reach 6.7 standard deviations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (V First, V Second) BoxMuller(V first, V second)
    {
        var radius = L.SquareRoot(L.MultiplyFloats(Float(-2), Logarithm(first)));

        // The nearest quarter turn and what is left of it, exactly: an angle in [−π/4, π/4).
        var turned = L.Add(second, L.All(1u << 29));
        var left = L.Subtract(second, L.And(turned, L.All(3u << 30)));
        var angle = L.MultiplyFloats(L.ToFloat(left), Float((float)(2 * Math.PI / 4294967296.0)));
        var square = L.MultiplyFloats(angle, angle);

        // Minimax polynomials of Cephes' sinf and cosf (Moshier 1992).
        var sine = L.MultiplyAdd(square, Float(-1.9515295891e-4f), Float(8.3321608736e-3f));
        sine = L.MultiplyAdd(square, sine, Float(-1.6666654611e-1f));
        sine = L.MultiplyAdd(L.MultiplyFloats(square, angle), sine, angle);
        var cosine = L.MultiplyAdd(square, Float(2.443315711809948e-5f), Float(-1.388731625493765e-3f));
        cosine = L.MultiplyAdd(square, cosine, Float(4.166664568298827e-2f));
        cosine = L.MultiplyAdd(square, cosine, Float(-0.5f));
        cosine = L.MultiplyAdd(square, cosine, Float(1));

        // An odd quarter turn exchanges the two; the sine is negative in the third and fourth, the cosine in the second and third.
        var odd = L.ShiftRightSigned(L.ShiftLeft(turned, 1), 31);
        var sign = L.All(1u << 31);
        var cosineSign = L.And(L.Add(turned, L.All(1u << 30)), sign);
        return (
            L.MultiplyFloats(radius, L.Xor(L.Choose(odd, sine, cosine), cosineSign)),
            L.MultiplyFloats(radius, L.Xor(L.Choose(odd, cosine, sine), L.And(turned, sign))));
    }

    // ln((word + ½) / 2³²), with a small relative error also where it is nearly 0: there 1 − u is taken, which a float holds better than u.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Logarithm(V word)
    {
        var upper = L.ShiftRightSigned(word, 31);
        var folded = L.Xor(word, upper); // below 2³¹
        var toEnd = L.MultiplyAdd(L.ToFloat(folded), Float(1 / 4294967296f), Float(1 / 8589934592f)); // u, or 1 − u where that is smaller
        var u = L.Choose(upper, L.MultiplyAdd(toEnd, Float(-1), Float(1)), toEnd);

        // u = 2^exponent · (1 + f), f in [√½ − 1, √2 − 1).
        var above = L.Subtract(u, L.All(SquareRootOfHalf));
        var exponent = L.ToFloat(L.ShiftRightSigned(above, 23));
        var f = L.AddFloats(L.Add(L.And(above, L.All(0x7FFFFF)), L.All(SquareRootOfHalf)), Float(-1));
        var nearOne = L.And(upper, L.ShiftRightSigned(L.Subtract(folded, L.All(1u << 30)), 31)); // u > ¾: the exponent is 0
        f = L.Choose(nearOne, L.Xor(toEnd, L.All(1u << 31)), f);

        // Cephes' logf; ln 2 in two parts, so that its product with the exponent is exact in the first.
        var p = L.MultiplyAdd(f, Float(7.0376836292e-2f), Float(-1.1514610310e-1f));
        p = L.MultiplyAdd(f, p, Float(1.1676998740e-1f));
        p = L.MultiplyAdd(f, p, Float(-1.2420140846e-1f));
        p = L.MultiplyAdd(f, p, Float(1.4249322787e-1f));
        p = L.MultiplyAdd(f, p, Float(-1.6668057665e-1f));
        p = L.MultiplyAdd(f, p, Float(2.0000714765e-1f));
        p = L.MultiplyAdd(f, p, Float(-2.4999993993e-1f));
        p = L.MultiplyAdd(f, p, Float(3.3333331174e-1f));
        var square = L.MultiplyFloats(f, f);
        p = L.MultiplyFloats(L.MultiplyFloats(p, f), square);
        p = L.MultiplyAdd(exponent, Float(-2.12194440e-4f), p);
        p = L.MultiplyAdd(square, Float(-0.5f), p);
        return L.MultiplyAdd(exponent, Float(0.693359375f), L.AddFloats(f, p));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Float(float value) => L.All(BitConverter.SingleToUInt32Bits(value));
}
