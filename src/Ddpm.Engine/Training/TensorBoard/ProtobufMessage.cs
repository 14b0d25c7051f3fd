using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Ddpm.Engine.Training.TensorBoard;

/// <summary>Writes the few kinds of protobuf fields that events need (https://protobuf.dev/programming-guides/encoding).</summary>
internal sealed class ProtobufMessage
{
    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int LengthPrefixed = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    public ProtobufMessage Number(int field, long value) => Key(field, Varint).Variable((ulong)value);

    public ProtobufMessage Double(int field, double value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        return Key(field, Fixed64).Append(bytes);
    }

    public ProtobufMessage Single(int field, float value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        return Key(field, Fixed32).Append(bytes);
    }

    public ProtobufMessage Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public ProtobufMessage Bytes(int field, ReadOnlySpan<byte> value) => Key(field, LengthPrefixed).Variable((ulong)value.Length).Append(value);

    public ProtobufMessage Message(int field, Action<ProtobufMessage> write)
    {
        var inner = new ProtobufMessage();
        write(inner);
        return Bytes(field, inner.ToArray());
    }

    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private ProtobufMessage Key(int field, int wireType) => Variable((ulong)((field << 3) | wireType));

    // Seven bits a byte, the lowest first.
    private ProtobufMessage Variable(ulong value)
    {
        for (; value > 127; value >>= 7)
            Append([(byte)(value | 128)]);
        return Append([(byte)value]);
    }

    private ProtobufMessage Append(ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }
}
