using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ddpm.Engine.Sampling.Normals;

/// <summary>Sixteen numbers at a time, with AVX-512.</summary>
internal readonly struct Lanes512 : ILanes<Vector512<uint>>
{
    public static bool IsSupported => Avx512F.IsSupported;

    public static int Count => Vector512<uint>.Count;

    // The transposition in Store leaves lane j of part p where block 4·j + p belongs.
    public static Vector512<uint> Blocks => Vector512.Create(0u, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

    public static Vector512<uint> All(uint value) => Vector512.Create(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Add(Vector512<uint> left, Vector512<uint> right) => left + right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Subtract(Vector512<uint> left, Vector512<uint> right) => left - right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> And(Vector512<uint> left, Vector512<uint> right) => left & right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Xor(Vector512<uint> left, Vector512<uint> right) => left ^ right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftLeft(Vector512<uint> value, int count) => value << count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftRight(Vector512<uint> value, int count) => value >>> count;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ShiftRightSigned(Vector512<uint> value, int count) => (value.AsInt32() >> count).AsUInt32();

    // The instruction multiplies the even lanes only.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Multiply(Vector512<uint> left, uint right, out Vector512<uint> high)
    {
        var factor = Vector512.Create(right);
        var even = Avx512F.Multiply(left, factor);
        var odd = Avx512F.Multiply((left.AsUInt64() >>> 32).AsUInt32(), factor);
        var evenLanes = Vector512.Create(0x00000000FFFFFFFFul);
        high = Vector512.ConditionalSelect(evenLanes, even >>> 32, odd).AsUInt32();
        return Vector512.ConditionalSelect(evenLanes, even, odd << 32).AsUInt32();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Choose(Vector512<uint> mask, Vector512<uint> left, Vector512<uint> right) => Vector512.ConditionalSelect(mask, left, right);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> ToFloat(Vector512<uint> integer) => Vector512.ConvertToSingle(integer.AsInt32()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> AddFloats(Vector512<uint> left, Vector512<uint> right) => (left.AsSingle() + right.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> MultiplyFloats(Vector512<uint> left, Vector512<uint> right) => (left.AsSingle() * right.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> MultiplyAdd(Vector512<uint> left, Vector512<uint> right, Vector512<uint> addend) =>
        Vector512.FusedMultiplyAdd(left.AsSingle(), right.AsSingle(), addend.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> SquareRoot(Vector512<uint> value) => Vector512.Sqrt(value.AsSingle()).AsUInt32();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<uint> first, Vector512<uint> second, Vector512<uint> third, Vector512<uint> fourth, ref float destination)
    {
        // In each part of 128 bits, rows (one of the four numbers, of four blocks) become columns (the four numbers of a block).
        var (low, high) = (Avx512F.UnpackLow(first, second).AsUInt64(), Avx512F.UnpackHigh(first, second).AsUInt64());
        var (low2, high2) = (Avx512F.UnpackLow(third, fourth).AsUInt64(), Avx512F.UnpackHigh(third, fourth).AsUInt64());
        Avx512F.UnpackLow(low, low2).AsSingle().StoreUnsafe(ref destination);
        Avx512F.UnpackHigh(low, low2).AsSingle().StoreUnsafe(ref destination, (nuint)Count);
        Avx512F.UnpackLow(high, high2).AsSingle().StoreUnsafe(ref destination, (nuint)Count * 2);
        Avx512F.UnpackHigh(high, high2).AsSingle().StoreUnsafe(ref destination, (nuint)Count * 3);
    }
}
