using System.Runtime.CompilerServices;

namespace Ddpm.Engine.Sampling.Normals;

/// <summary>One number at a time: any machine, and the end of a fill.</summary>
internal readonly struct ScalarLane : ILanes<uint>
{
    public static int Count => 1;

    public static uint Blocks => 0;

    public static uint All(uint value) => value;

    public static uint Add(uint left, uint right) => left + right;

    public static uint Subtract(uint left, uint right) => left - right;

    public static uint And(uint left, uint right) => left & right;

    public static uint Xor(uint left, uint right) => left ^ right;

    public static uint ShiftLeft(uint value, int count) => value << count;

    public static uint ShiftRight(uint value, int count) => value >> count;

    public static uint ShiftRightSigned(uint value, int count) => (uint)((int)value >> count);

    public static uint Multiply(uint left, uint right, out uint high)
    {
        var product = (ulong)left * right;
        high = (uint)(product >> 32);
        return (uint)product;
    }

    public static uint Choose(uint mask, uint left, uint right) => (left & mask) | (right & ~mask);

    public static uint ToFloat(uint integer) => Bits((float)(int)integer);

    public static uint AddFloats(uint left, uint right) => Bits(Float(left) + Float(right));

    public static uint MultiplyFloats(uint left, uint right) => Bits(Float(left) * Float(right));

    public static uint MultiplyAdd(uint left, uint right, uint addend) => Bits(MathF.FusedMultiplyAdd(Float(left), Float(right), Float(addend)));

    public static uint SquareRoot(uint value) => Bits(MathF.Sqrt(Float(value)));

    public static void Store(uint first, uint second, uint third, uint fourth, ref float destination)
    {
        destination = Float(first);
        Unsafe.Add(ref destination, 1) = Float(second);
        Unsafe.Add(ref destination, 2) = Float(third);
        Unsafe.Add(ref destination, 3) = Float(fourth);
    }

    private static float Float(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static uint Bits(float value) => BitConverter.SingleToUInt32Bits(value);
}
