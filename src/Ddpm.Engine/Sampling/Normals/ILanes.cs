namespace Ddpm.Engine.Sampling.Normals;

/// <summary>What <see cref="NormalBlocks{L, V}"/> is written in: 32-bit numbers side by side, whose bits an operation takes as integers or as floats.</summary>
/// <remarks>
/// Every operation has one right answer on every machine: integer arithmetic modulo 2³², and +, ×, √, fused multiply-add and conversion as IEEE 754
/// rounds them. A formula in these operations therefore gives the same bits on whatever lanes it runs. Estimates and unfused
/// multiply-adds that a compiler might fuse have no place here.
/// </remarks>
/// <typeparam name="V">So many 32-bit numbers.</typeparam>
internal interface ILanes<V>
    where V : struct
{
    /// <summary>How many numbers.</summary>
    static abstract int Count { get; }

    /// <summary>The number of the block that each lane is to make: any order that <see cref="Store"/> undoes.</summary>
    static abstract V Blocks { get; }

    static abstract V All(uint value);

    static abstract V Add(V left, V right);

    static abstract V Subtract(V left, V right);

    static abstract V And(V left, V right);

    static abstract V Xor(V left, V right);

    static abstract V ShiftLeft(V value, int count);

    static abstract V ShiftRight(V value, int count);

    /// <summary>Shift that repeats the sign.</summary>
    static abstract V ShiftRightSigned(V value, int count);

    /// <summary>Both halves of the 64-bit products.</summary>
    static abstract V Multiply(V left, uint right, out V high);

    /// <summary>Bits of <paramref name="left"/> where the mask's are 1, else of <paramref name="right"/>.</summary>
    static abstract V Choose(V mask, V left, V right);

    /// <summary>A signed integer as the nearest float.</summary>
    static abstract V ToFloat(V integer);

    static abstract V AddFloats(V left, V right);

    static abstract V MultiplyFloats(V left, V right);

    /// <summary>left × right + addend, rounded once.</summary>
    static abstract V MultiplyAdd(V left, V right, V addend);

    static abstract V SquareRoot(V value);

    /// <summary>Writes four numbers a block, blocks in their order.</summary>
    static abstract void Store(V first, V second, V third, V fourth, ref float destination);
}
