using Microsoft.Win32.SafeHandles;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>A page of a column, expanded.</summary>
/// <param name="Kind">Dictionary or data; an index is never handed out.</param>
/// <param name="Values">How many, nulls among them.</param>
/// <param name="Encoding">Of <paramref name="Data"/>.</param>
/// <param name="Levels">Definition levels where they stand apart (version 2); null where they lead the data, with their length (version 1).</param>
/// <param name="Data">The rest.</param>
internal sealed record Page(PageKind Kind, int Values, PageEncoding Encoding, ReadOnlyMemory<byte>? Levels, ReadOnlyMemory<byte> Data);

/// <summary>Kinds of pages.</summary>
internal enum PageKind
{
    Data,
    Index,
    Dictionary,
    DataV2,
}

/// <summary>Ways to write values.</summary>
internal enum PageEncoding
{
    Plain = 0,
    PlainDictionary = 2,
    Rle = 3,
    BitPacked = 4,
    DeltaBinaryPacked = 5,
    DeltaLengthByteArray = 6,
    DeltaByteArray = 7,
    RleDictionary = 8,
    ByteStreamSplit = 9,
}

/// <summary>Reads the pages of a column chunk one after the other, each into memory of its own, which stays as long as somebody uses it.</summary>
/// <param name="file">The file; several readers may share it.</param>
/// <param name="chunk">Whose pages.</param>
/// <param name="maxPageBytes">Larger pages are refused before anything is allocated for them.</param>
internal sealed class PageReader(SafeFileHandle file, ColumnChunk chunk, long maxPageBytes)
{
    private const int UsualHeaderBytes = 1 << 12;
    private const int MaxHeaderBytes = 1 << 24; // statistics in it may hold whole values
    private const int LargeBytes = 1 << 26;

    private readonly long _end = chunk.Start + chunk.Bytes;
    private long _position = chunk.Start;

    /// <returns>Null after the last.</returns>
    /// <exception cref="ParquetDamageException">It cannot be read.</exception>
    public Page? Next()
    {
        while (_position < _end)
        {
            var header = ReadHeader();
            if (header.ExpandedBytes >= LargeBytes)
                GC.Collect(); // or the large pages before it stay for some time: four of 250 MB were seen at once
            var stored = header.Kind == PageKind.Index ? default : Read(_position, header.StoredBytes);
            _position += header.StoredBytes;
            if (header.Kind != PageKind.Index)
                return Expand(header, stored);
        }
        return null;
    }

    private Page Expand(PageHeader header, ReadOnlyMemory<byte> stored)
    {
        if (header.Kind != PageKind.DataV2)
            return new Page(header.Kind, header.Values, header.Encoding, null, Codecs.Expand(chunk.Codec, stored, header.ExpandedBytes));

        // Version 2 never compresses levels.
        if (header.LevelBytes < 0 || header.LevelBytes > stored.Length || header.LevelBytes > header.ExpandedBytes)
            throw Damage("its levels are longer than it is");
        var data = stored[header.LevelBytes..];
        if (header.IsCompressed && data.Length > 0)
            data = Codecs.Expand(chunk.Codec, data, header.ExpandedBytes - header.LevelBytes);
        return new Page(header.Kind, header.Values, header.Encoding, stored[..header.LevelBytes], data);
    }

    private PageHeader ReadHeader()
    {
        for (var window = UsualHeaderBytes; ; window *= 8)
        {
            var bytes = Read(_position, (int)Math.Min(window, _end - _position));
            try
            {
                var reader = new ThriftReader(bytes.Span);
                var header = PageHeader.Parse(ref reader);
                _position += reader.Position;
                if (header.StoredBytes < 0 || header.StoredBytes > _end - _position)
                    throw Damage($"it claims {header.StoredBytes} bytes where {_end - _position} are left");
                if (header.ExpandedBytes < 0 || header.ExpandedBytes > maxPageBytes || header.StoredBytes > maxPageBytes)
                    throw new ParquetDamageException(
                        $"has a page of {Math.Max(header.ExpandedBytes, header.StoredBytes):N0} bytes in the column {chunk.Path}; at most {maxPageBytes:N0} are read. Write it with fewer rows to a row group");
                return header.Values >= 0 ? header : throw Damage($"it claims {header.Values} values");
            }
            catch (ThriftCutShortException cut)
            {
                if (window >= MaxHeaderBytes || bytes.Length == _end - _position)
                    throw new ParquetDamageException($"is damaged: a page header of the column {chunk.Path} ends in the middle of a value", cut);
            }
        }
    }

    private ReadOnlyMemory<byte> Read(long at, int count)
    {
        var bytes = GC.AllocateUninitializedArray<byte>(count);
        for (var done = 0; done < count;)
        {
            var read = RandomAccess.Read(file, bytes.AsSpan(done), at + done);
            done += read > 0 ? read : throw new ParquetDamageException("is cut short");
        }
        return bytes;
    }

    private ParquetDamageException Damage(string what) => new($"is damaged: a page of the column {chunk.Path} cannot be read, {what}");
}

/// <summary>The head of a page.</summary>
internal sealed record PageHeader(PageKind Kind, int ExpandedBytes, int StoredBytes, int Values, PageEncoding Encoding, int LevelBytes, bool IsCompressed)
{
    /// <summary>Reads Thrift's <c>PageHeader</c>.</summary>
    public static PageHeader Parse(ref ThriftReader reader)
    {
        var header = new PageHeader(default, 0, 0, 0, default, 0, IsCompressed: true);
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    header = header with { Kind = (PageKind)reader.Integer(field) };
                    break;
                case 2:
                    header = header with { ExpandedBytes = (int)reader.Integer(field) };
                    break;
                case 3:
                    header = header with { StoredBytes = (int)reader.Integer(field) };
                    break;
                case 5 or 7 or 8:
                    ThriftReader.Struct(field);
                    header = ParseValues(ref reader, header, isVersion2: field.Id == 8);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return Enum.IsDefined(header.Kind) ? header : throw new ParquetDamageException($"is damaged: it has a page of the unknown kind {(int)header.Kind}");
    }

    // DataPageHeader, DictionaryPageHeader and DataPageHeaderV2 begin alike.
    private static PageHeader ParseValues(ref ThriftReader reader, PageHeader header, bool isVersion2)
    {
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    header = header with { Values = (int)reader.Integer(field) };
                    break;
                case 2 when !isVersion2:
                case 4 when isVersion2:
                    header = header with { Encoding = (PageEncoding)reader.Integer(field) };
                    break;
                case 5 when isVersion2:
                    header = header with { LevelBytes = (int)reader.Integer(field) };
                    break;
                case 6 when isVersion2:
                    if (reader.Integer(field) != 0)
                        throw new ParquetDamageException("is damaged: a column without lists has repetition levels");
                    break;
                case 7 when isVersion2:
                    header = header with { IsCompressed = ThriftReader.Truth(field) };
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return header;
    }
}
