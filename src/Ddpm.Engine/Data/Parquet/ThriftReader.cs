using System.Text;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>Types of Thrift's compact protocol, in which parquet writes its metadata.</summary>
internal enum ThriftType
{
    Stop,
    True,
    False,
    Byte,
    I16,
    I32,
    I64,
    Double,
    Binary,
    List,
    Set,
    Map,
    Struct,
    Uuid,
}

/// <summary>The head of a field of a struct.</summary>
internal readonly record struct ThriftField(int Id, ThriftType Type);

/// <summary>
/// Reads Thrift's compact protocol from memory. Nothing is believed: whatever bytes come, it ends after at most as many steps as there are bytes,
/// goes no deeper than 32 levels and keeps nothing that is larger than what it reads.
/// </summary>
/// <remarks>https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md</remarks>
/// <param name="bytes">What is read, from its beginning.</param>
internal ref struct ThriftReader(ReadOnlySpan<byte> bytes)
{
    private const int MaxDepth = 32;
    private const int MapMark = 0x0F;

    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes read so far.</summary>
    public int Position { get; private set; }

    /// <summary>The next field of a struct, after <paramref name="previous"/>; of type <see cref="ThriftType.Stop"/> at its end.</summary>
    public ThriftField Next(ThriftField previous)
    {
        var head = NextByte();
        if (head == 0)
            return default;
        var type = TypeOf(head & 0x0F);
        var delta = head >> 4;
        return new ThriftField(delta == 0 ? (short)Integer() : previous.Id + delta, type);
    }

    /// <summary>The value of a field that must be a whole number.</summary>
    public long Integer(ThriftField field) => field.Type is ThriftType.I16 or ThriftType.I32 or ThriftType.I64 ? Integer() : throw WrongType(field);

    /// <summary>The value of a field that must be true or false.</summary>
    public static bool Truth(ThriftField field) => field.Type switch
    {
        ThriftType.True => true,
        ThriftType.False => false,
        _ => throw WrongType(field),
    };

    /// <summary>The value of a field that must be text.</summary>
    public string Text(ThriftField field) => field.Type == ThriftType.Binary ? Text() : throw WrongType(field);

    /// <summary>Text, as an element of a list.</summary>
    public string Text() => Encoding.UTF8.GetString(Take(Length()));

    /// <summary>The head of a list whose elements must have a type.</summary>
    /// <returns>How many there are; never more than bytes are left.</returns>
    public int List(ThriftField field, ThriftType element)
    {
        if (field.Type != ThriftType.List)
            throw WrongType(field);
        var (count, type) = ListHead();
        return type == element || count == 0 ? count : throw WrongType(field);
    }

    /// <summary>Requires a field to be a struct, whose fields are read next.</summary>
    public static void Struct(ThriftField field)
    {
        if (field.Type != ThriftType.Struct)
            throw WrongType(field);
    }

    /// <summary>Leaves out the value of a field.</summary>
    public void Skip(ThriftField field) => Skip(field.Type, 0);

    private void Skip(ThriftType type, int depth)
    {
        if (depth > MaxDepth)
            throw new ParquetDamageException("is damaged: its metadata is nested too deeply");
        switch (type)
        {
            case ThriftType.True or ThriftType.False:
                break;
            case ThriftType.Byte:
                Take(1);
                break;
            case ThriftType.I16 or ThriftType.I32 or ThriftType.I64:
                Varint();
                break;
            case ThriftType.Double:
                Take(8);
                break;
            case ThriftType.Uuid:
                Take(16);
                break;
            case ThriftType.Binary:
                Take(Length());
                break;
            case ThriftType.List or ThriftType.Set:
                var (count, element) = ListHead();
                for (var n = 0; n < count; n++)
                    SkipElement(element, depth);
                break;
            case ThriftType.Map:
                SkipMap(depth);
                break;
            default:
                for (var field = Next(default); field.Type != ThriftType.Stop; field = Next(field))
                    Skip(field.Type, depth + 1);
                break;
        }
    }

    // As elements, unlike as fields, truth values take a byte.
    private void SkipElement(ThriftType type, int depth)
    {
        if (type is ThriftType.True or ThriftType.False)
            Take(1);
        else
            Skip(type, depth + 1);
    }

    private void SkipMap(int depth)
    {
        var pairs = Length();
        if (pairs == 0)
            return;
        var types = NextByte();
        var (key, value) = (TypeOf(types >> 4), TypeOf(types & MapMark));
        for (var n = 0; n < pairs; n++)
        {
            SkipElement(key, depth);
            SkipElement(value, depth);
        }
    }

    private (int Count, ThriftType Element) ListHead()
    {
        var head = NextByte();
        var count = head >> 4 == 15 ? Length() : head >> 4;
        return count <= _bytes.Length - Position ? (count, TypeOf(head & 0x0F)) : throw CutShort();
    }

    // Of something of which every part takes at least one byte.
    private int Length() => Varint() is var length && length <= (ulong)(_bytes.Length - Position) ? (int)length : throw CutShort();

    private long Integer() => Varint() is var zigzag ? (long)(zigzag >> 1) ^ -(long)(zigzag & 1) : 0;

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = NextByte();
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
                return value;
        }
        throw new ParquetDamageException("is damaged: its metadata holds a number of more than 64 bits");
    }

    private byte NextByte() => Position < _bytes.Length ? _bytes[Position++] : throw CutShort();

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count > _bytes.Length - Position)
            throw CutShort();
        Position += count;
        return _bytes.Slice(Position - count, count);
    }

    private static ThriftType TypeOf(int code) =>
        code is >= (int)ThriftType.True and <= (int)ThriftType.Uuid ? (ThriftType)code : throw new ParquetDamageException($"is damaged: its metadata has a value of the unknown type {code}");

    private static ThriftCutShortException CutShort() => new();

    private static ParquetDamageException WrongType(ThriftField field) => new($"is damaged: field {field.Id} of its metadata is of type {field.Type}");
}

/// <summary>The bytes end before the value does; there may be more of them elsewhere.</summary>
internal sealed class ThriftCutShortException() : Exception("The metadata ends in the middle of a value.");
