namespace Ddpm.Engine.Data.Parquet;

/// <summary>What is needed of a file's metadata.</summary>
/// <param name="Columns">The columns that hold values.</param>
/// <param name="RowGroups">The rows, in order.</param>
/// <param name="KeyValues">Free text; the Hugging Face libraries keep their features under <c>huggingface</c>.</param>
internal sealed record ParquetFooter(IReadOnlyList<ParquetColumn> Columns, IReadOnlyList<RowGroup> RowGroups, IReadOnlyDictionary<string, string> KeyValues)
{
    private const int ConvertedUtf8 = 0;
    private const int LogicalString = 1;

    /// <summary>Reads Thrift's <c>FileMetaData</c>: https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.</summary>
    /// <exception cref="ParquetDamageException">It is not one.</exception>
    public static ParquetFooter Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new ThriftReader(bytes);
        var elements = new List<SchemaElement>();
        var groups = new List<RowGroup>();
        var keyValues = new Dictionary<string, string>();
        try
        {
            for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
            {
                switch (field.Id)
                {
                    case 2:
                        for (var count = reader.List(field, ThriftType.Struct); count > 0; count--)
                            elements.Add(ParseElement(ref reader));
                        break;
                    case 4:
                        for (var count = reader.List(field, ThriftType.Struct); count > 0; count--)
                            groups.Add(ParseGroup(ref reader));
                        break;
                    case 5:
                        for (var count = reader.List(field, ThriftType.Struct); count > 0; count--)
                            ParseKeyValue(ref reader, keyValues);
                        break;
                    default:
                        reader.Skip(field);
                        break;
                }
            }
        }
        catch (ThriftCutShortException cut)
        {
            throw new ParquetDamageException("is damaged: its footer ends in the middle of a value", cut);
        }
        return new ParquetFooter(ParquetSchema.Leaves(elements), groups, keyValues);
    }

    private static SchemaElement ParseElement(ref ThriftReader reader)
    {
        var (name, type, repetition, children, isText) = ("", (PhysicalType?)null, SchemaElement.Required, 0L, false);
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    type = reader.Integer(field) is var code and >= 0 and <= (long)PhysicalType.FixedLengthByteArray
                        ? (PhysicalType)code : throw new ParquetDamageException("is damaged: a column is of an unknown type");
                    break;
                case 3:
                    repetition = (int)reader.Integer(field);
                    break;
                case 4:
                    name = reader.Text(field);
                    break;
                case 5:
                    children = reader.Integer(field);
                    break;
                case 6:
                    isText |= reader.Integer(field) == ConvertedUtf8;
                    break;
                case 10:
                    ThriftReader.Struct(field);
                    isText |= ParseLogicalType(ref reader) == LogicalString;
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return new SchemaElement(name, type, repetition, children, isText);
    }

    // A union: a struct of one field, whose id says which it is.
    private static int ParseLogicalType(ref ThriftReader reader)
    {
        var kind = 0;
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            kind = field.Id;
            reader.Skip(field);
        }
        return kind;
    }

    private static RowGroup ParseGroup(ref ThriftReader reader)
    {
        var rows = 0L;
        var chunks = new List<ColumnChunk>();
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    for (var count = reader.List(field, ThriftType.Struct); count > 0; count--)
                        chunks.Add(ParseChunk(ref reader));
                    break;
                case 3:
                    rows = reader.Integer(field);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return rows is >= 0 and <= int.MaxValue ? new RowGroup(rows, chunks) : throw new ParquetDamageException($"is damaged: a row group has {rows} rows");
    }

    private static ColumnChunk ParseChunk(ref ThriftReader reader)
    {
        var chunk = new ColumnChunk();
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    chunk = chunk with { File = reader.Text(field) };
                    break;
                case 3:
                    ThriftReader.Struct(field);
                    chunk = ParseChunkMetadata(ref reader, chunk);
                    break;
                case 8:
                    chunk = chunk with { IsEncrypted = true };
                    reader.Skip(field);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return chunk;
    }

    private static ColumnChunk ParseChunkMetadata(ref ThriftReader reader, ColumnChunk chunk)
    {
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 3:
                    var parts = new List<string>();
                    for (var count = reader.List(field, ThriftType.Binary); count > 0; count--)
                        parts.Add(reader.Text());
                    chunk = chunk with { Path = string.Join('.', parts) };
                    break;
                case 4:
                    chunk = chunk with { Codec = (Codec)reader.Integer(field) };
                    break;
                case 5:
                    chunk = chunk with { Values = reader.Integer(field) };
                    break;
                case 7:
                    chunk = chunk with { Bytes = reader.Integer(field) };
                    break;
                case 9:
                    chunk = chunk with { DataOffset = reader.Integer(field) };
                    break;
                case 11:
                    chunk = chunk with { DictionaryOffset = reader.Integer(field) };
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        return chunk;
    }

    private static void ParseKeyValue(ref ThriftReader reader, Dictionary<string, string> into)
    {
        var (key, value) = ("", "");
        for (var field = reader.Next(default); field.Type != ThriftType.Stop; field = reader.Next(field))
        {
            switch (field.Id)
            {
                case 1:
                    key = reader.Text(field);
                    break;
                case 2:
                    value = reader.Text(field);
                    break;
                default:
                    reader.Skip(field);
                    break;
            }
        }
        into[key] = value;
    }
}

/// <summary>Rows that are stored together, column by column.</summary>
internal sealed record RowGroup(long Rows, IReadOnlyList<ColumnChunk> Chunks);

/// <summary>Where the values of a column lie for the rows of a group.</summary>
internal sealed record ColumnChunk
{
    /// <summary>Of the column, with dots.</summary>
    public string Path { get; init; } = "";

    /// <summary>Another file that holds the values; null for this one.</summary>
    public string? File { get; init; }

    public bool IsEncrypted { get; init; }

    public Codec Codec { get; init; }

    /// <summary>Values, nulls among them.</summary>
    public long Values { get; init; }

    /// <summary>Bytes of all pages, as stored.</summary>
    public long Bytes { get; init; }

    public long DataOffset { get; init; }

    public long DictionaryOffset { get; init; }

    /// <summary>Where the first page begins. Some writers name a dictionary's place as 0 where there is none.</summary>
    public long Start => DictionaryOffset > 0 ? Math.Min(DictionaryOffset, DataOffset) : DataOffset;
}
