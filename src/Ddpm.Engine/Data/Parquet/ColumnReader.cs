using System.Buffers.Binary;
using System.Numerics;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>The values of a column for the rows of one group, one after the other, a page of them in memory at a time.</summary>
/// <param name="pages">Of the column chunk.</param>
/// <param name="column">Without repetition; of bytes, int32 or int64.</param>
internal sealed class ColumnReader(PageReader pages, ParquetColumn column)
{
    private const int MaxBitWidth = 32;
    private const int MaxDictionary = 1_000_000;

    private ReadOnlyMemory<byte>[]? _dictionary;
    private int _left; // of the page
    private HybridDecoder? _levels;
    private HybridDecoder? _places; // in the dictionary; null for plain values
    private ReadOnlyMemory<byte> _plain;

    /// <summary>The bytes of the next value, a part of its page; null for a null.</summary>
    /// <exception cref="ParquetDamageException">There is none, or it cannot be read.</exception>
    public ReadOnlyMemory<byte>? Next()
    {
        while (_left == 0)
        {
            (_plain, _places, _levels) = (default, null, null); // the page before is not kept while the next is read
            Begin(pages.Next() ?? throw Damage("has fewer values than there are rows"));
        }
        _left--;
        if (_levels is not null && _levels.Next() < column.MaxDefinitionLevel)
            return null;
        if (_places is null)
            return Plain(ref _plain);
        var place = _places.Next();
        return _dictionary is not null && (uint)place < (uint)_dictionary.Length ? _dictionary[place] : throw Damage("refers to a value that its dictionary does not hold");
    }

    private void Begin(Page page)
    {
        if (page.Kind == PageKind.Dictionary)
        {
            BeginDictionary(page);
            return;
        }
        var data = page.Data;
        if (column.MaxDefinitionLevel > 0)
            _levels = new HybridDecoder(page.Levels ?? TakeWithLength(ref data), 32 - BitOperations.LeadingZeroCount((uint)column.MaxDefinitionLevel));
        switch (page.Encoding)
        {
            case PageEncoding.Plain:
                (_plain, _places) = (data, null);
                break;
            case PageEncoding.PlainDictionary or PageEncoding.RleDictionary:
                // A page of nulls only may hold not even the width.
                var width = data.Length > 0 ? data.Span[0] : 0;
                _places = width <= MaxBitWidth ? new HybridDecoder(data.Length > 0 ? data[1..] : data, width) : throw Damage($"writes places in its dictionary with {width} bits");
                break;
            default:
                throw new ParquetDamageException($"writes the column {column.Path} with the encoding {page.Encoding}; plain values and dictionaries are read");
        }
        _left = page.Values;
    }

    private void BeginDictionary(Page page)
    {
        if (_dictionary is not null)
            throw Damage("has two dictionaries");
        if (page.Values > page.Data.Length) // every value takes at least a byte
            throw Damage("has a dictionary that is shorter than announced");
        if (page.Values > MaxDictionary)
            throw new ParquetDamageException($"has a dictionary of {page.Values:N0} values in the column {column.Path}; at most {MaxDictionary:N0} are read");
        var data = page.Data;
        _dictionary = new ReadOnlyMemory<byte>[page.Values];
        for (var n = 0; n < _dictionary.Length; n++)
            _dictionary[n] = Plain(ref data);
    }

    private ReadOnlyMemory<byte> Plain(ref ReadOnlyMemory<byte> data) => column.Type switch
    {
        PhysicalType.ByteArray => TakeWithLength(ref data),
        PhysicalType.Int32 => Take(ref data, sizeof(int)),
        PhysicalType.Int64 => Take(ref data, sizeof(long)),
        _ => throw Damage($"is of type {column.Type}"),
    };

    private ReadOnlyMemory<byte> TakeWithLength(ref ReadOnlyMemory<byte> data) => Take(ref data, BinaryPrimitives.ReadUInt32LittleEndian(Take(ref data, sizeof(uint)).Span));

    private ReadOnlyMemory<byte> Take(ref ReadOnlyMemory<byte> data, uint count)
    {
        if (count > (uint)data.Length)
            throw Damage("has a page that ends in the middle of a value");
        var value = data[..(int)count];
        data = data[(int)count..];
        return value;
    }

    private ParquetDamageException Damage(string what) => new($"is damaged: its column {column.Path} {what}");
}
