namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Writes the few x86-64 instructions that the matrix kernels are made of. Intel SDM vol. 2, §2.7 (EVEX).</summary>
internal sealed class Assembler
{
    private readonly List<byte> _code = [];

    /// <summary>The general registers by their numbers.</summary>
    public const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsi = 6, Rdi = 7, R8 = 8, R9 = 9, R10 = 10, R11 = 11, R12 = 12, R14 = 14, R15 = 15;

    /// <summary>What has been written.</summary>
    public byte[] ToArray() => [.. _code];

    /// <summary>Where the next instruction will stand; a jump back may name it.</summary>
    public int Here => _code.Count;

    /// <summary><c>acc += a · b</c>, 16 floats.</summary>
    public void MultiplyAdd(int acc, int a, int b) => Vector(prefix: 1, map: 2, opcode: 0xB8, acc, a, b);

    /// <summary><c>acc += a₀ · b₀ + a₁ · b₁</c>, 16 floats from 16 pairs of bfloat16. Needs AVX512_BF16.</summary>
    public void DotBFloat16(int acc, int a, int b) => Vector(prefix: 2, map: 2, opcode: 0x52, acc, a, b);

    /// <summary>Sixteen zeros.</summary>
    public void Zero(int register) => Vector(prefix: 1, map: 1, opcode: 0xEF, register, register, register);

    /// <summary>One value of 32 bits at [base + index·2^scale + displacement], 16 times.</summary>
    public void Broadcast(int register, int baseRegister, int? index, int scale, int displacement) =>
        VectorMemory(prefix: 1, map: 2, opcode: 0x18, register, baseRegister, index, scale, displacement, unit: 4);

    /// <summary>64 bytes from [base + displacement].</summary>
    public void Load(int register, int baseRegister, int displacement) => VectorMemory(prefix: 0, map: 1, opcode: 0x10, register, baseRegister, null, 0, displacement, unit: 64);

    /// <summary>64 bytes to [base + displacement].</summary>
    public void Store(int register, int baseRegister, int displacement) => VectorMemory(prefix: 0, map: 1, opcode: 0x11, register, baseRegister, null, 0, displacement, unit: 64);

    /// <summary>Brings the line at [base + displacement] into the first-level cache. The base is not r12.</summary>
    public void Prefetch(int baseRegister, int displacement)
    {
        Rex(w: false, 1, 0, baseRegister);
        _code.AddRange([0x0F, 0x18, (byte)(0x80 | (1 << 3) | (baseRegister & 7))]);
        _code.AddRange(BitConverter.GetBytes(displacement));
    }

    /// <summary><c>target = base + index·2^scale</c>. The base is not rbp or r13.</summary>
    public void Lea(int target, int baseRegister, int index, int scale)
    {
        Rex(w: true, target, index, baseRegister);
        _code.AddRange([0x8D, (byte)(((target & 7) << 3) | 4), (byte)((scale << 6) | ((index & 7) << 3) | (baseRegister & 7))]);
    }

    public void Move(int target, int source) => Registers(0x89, target, source);

    public void Add(int target, int source) => Registers(0x01, target, source);

    public void AddConstant(int target, int constant) => Constant(0, target, constant);

    public void SubtractConstant(int target, int constant) => Constant(5, target, constant);

    public void Push(int register) => Stack(0x50, register);

    public void Pop(int register) => Stack(0x58, register);

    /// <summary>Jumps forward if the last result was below zero; the place is set by <see cref="Land(int)"/>.</summary>
    public int JumpIfLess() => Jump(0x8C);

    /// <summary>Jumps forward if the last result was zero.</summary>
    public int JumpIfZero() => Jump(0x84);

    /// <summary>Jumps back if the last result was zero or above.</summary>
    public void JumpBackIfNotLess(int place) => Land(Jump(0x8D), place);

    /// <summary>Jumps back if the last result was not zero.</summary>
    public void JumpBackIfNotZero(int place) => Land(Jump(0x85), place);

    /// <summary>Lets a forward jump end here.</summary>
    public void Land(int jump) => Land(jump, Here);

    /// <summary>Leaves the 512-bit state, so that older instructions do not wait for it, and returns.</summary>
    public void Return() => _code.AddRange([0xC5, 0xF8, 0x77, 0xC3]);

    private void Land(int jump, int place)
    {
        var distance = BitConverter.GetBytes(place - (jump + 4));
        for (var n = 0; n < 4; n++)
            _code[jump + n] = distance[n];
    }

    private int Jump(byte condition)
    {
        _code.AddRange([0x0F, condition, 0, 0, 0, 0]);
        return Here - 4;
    }

    private void Rex(bool w, int reg, int index, int rm) =>
        _code.Add((byte)(0x40 | (w ? 8 : 0) | ((reg >> 3) << 2) | ((index >> 3) << 1) | (rm >> 3)));

    private void Registers(byte opcode, int target, int source)
    {
        Rex(w: true, source, 0, target);
        _code.AddRange([opcode, (byte)(0xC0 | ((source & 7) << 3) | (target & 7))]);
    }

    private void Constant(int extension, int target, int constant)
    {
        Rex(w: true, 0, 0, target);
        _code.AddRange([0x81, (byte)(0xC0 | (extension << 3) | (target & 7))]);
        _code.AddRange(BitConverter.GetBytes(constant));
    }

    private void Stack(byte opcode, int register)
    {
        if (register >= 8)
            _code.Add(0x41);
        _code.Add((byte)(opcode | (register & 7)));
    }

    private void Vector(int prefix, int map, byte opcode, int reg, int second, int third)
    {
        Evex(prefix, map, reg, second, extension: ~third >> 4, lowExtension: ~third >> 3);
        _code.AddRange([opcode, (byte)(0xC0 | ((reg & 7) << 3) | (third & 7))]);
    }

    // Always with a displacement of one byte, which EVEX counts in units of what is accessed.
    private void VectorMemory(int prefix, int map, byte opcode, int reg, int baseRegister, int? index, int scale, int displacement, int unit)
    {
        Evex(prefix, map, reg, second: 0, extension: index is { } i ? ~i >> 3 : 1, lowExtension: ~baseRegister >> 3);
        _code.Add(opcode);
        var needsSib = index is not null || (baseRegister & 7) == 4;
        _code.Add((byte)(0x40 | ((reg & 7) << 3) | (needsSib ? 4 : baseRegister & 7)));
        if (needsSib)
            _code.Add((byte)((scale << 6) | (((index ?? 4) & 7) << 3) | (baseRegister & 7)));
        _code.Add((byte)checked((sbyte)(displacement / unit)));
    }

    private void Evex(int prefix, int map, int reg, int second, int extension, int lowExtension)
    {
        _code.Add(0x62);
        _code.Add((byte)(((~reg >> 3 & 1) << 7) | ((extension & 1) << 6) | ((lowExtension & 1) << 5) | ((~reg >> 4 & 1) << 4) | map));
        _code.Add((byte)(((~second & 15) << 3) | 4 | prefix));
        _code.Add((byte)((2 << 5) | ((~second >> 4 & 1) << 3)));
    }
}
