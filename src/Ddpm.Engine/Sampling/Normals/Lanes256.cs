using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Sampling.Normals;

/// <summary>Eight numbers at a time, with AVX2 and FMA.</summary>
internal readonly struct Lanes256 : ILanes<Vector256<uint>>
{
    public static bool IsSupported => Avx2.IsSupported && Fma.IsSupported;

    public static int Count => Vector256<uint>.Count;

    // The transposition in Store leaves lane j of part p where block 2·j + p belongs.
    public static Vector256<uint> Blocks => Vector256.Create(0u, 2, 4, 6, 1, 3, 5, 7);

    public static Vector256<uint> All(uint value) => Vector256.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Add(Vector256<uint> left, Vector256<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Subtract(Vector256<uint> left, Vector256<uint> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> And(Vector256<uint> left, Vector256<uint> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Xor(Vector256<uint> left, Vector256<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftLeft(Vector256<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRight(Vector256<uint> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ShiftRightSigned(Vector256<uint> value, int count) => (value.AsInt32() >> count).AsUInt32();

    // The instruction multiplies the even lanes only.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Multiply(Vector256<uint> left, uint right, out Vector256<uint> high)
    {
        var factor = Vector256.Create(right);
        var even = Avx2.Multiply(left, factor);
        var odd = Avx2.Multiply((left.AsUInt64() >>> 32).AsUInt32(), factor);
        var evenLanes = Vector256.Create(0x00000000FFFFFFFFul);
        high = Vector256.ConditionalSelect(evenLanes, even >>> 32, odd).AsUInt32();
        return Vector256.ConditionalSelect(evenLanes, even, odd << 32).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> Choose(Vector256<uint> mask, Vector256<uint> left, Vector256<uint> right) => Vector256.ConditionalSelect(mask, left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> ToFloat(Vector256<uint> integer) => Vector256.ConvertToSingle(integer.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> AddFloats(Vector256<uint> left, Vector256<uint> right) => (left.AsSingle() + right.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> MultiplyFloats(Vector256<uint> left, Vector256<uint> right) => (left.AsSingle() * right.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> MultiplyAdd(Vector256<uint> left, Vector256<uint> right, Vector256<uint> addend) =>
        Vector256.FusedMultiplyAdd(left.AsSingle(), right.AsSingle(), addend.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<uint> SquareRoot(Vector256<uint> value) => Vector256.Sqrt(value.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<uint> first, Vector256<uint> second, Vector256<uint> third, Vector256<uint> fourth, ref float destination)
    {
        // In each part of 128 bits, rows (one of the four numbers, of four blocks) become columns (the four numbers of a block).
        var (low, high) = (Avx2.UnpackLow(first, second).AsUInt64(), Avx2.UnpackHigh(first, second).AsUInt64());
        var (low2, high2) = (Avx2.UnpackLow(third, fourth).AsUInt64(), Avx2.UnpackHigh(third, fourth).AsUInt64());
        Avx2.UnpackLow(low, low2).AsSingle().StoreUnsafe(ref destination);
        Avx2.UnpackHigh(low, low2).AsSingle().StoreUnsafe(ref destination, (nuint)Count);
        Avx2.UnpackLow(high, high2).AsSingle().StoreUnsafe(ref destination, (nuint)Count * 2);
        Avx2.UnpackHigh(high, high2).AsSingle().StoreUnsafe(ref destination, (nuint)Count * 3);
    }
}
