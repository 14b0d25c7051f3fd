namespace Ddpm.Engine.Data.Parquet;

/// <summary>How values are stored.</summary>
internal enum PhysicalType
{
    Boolean,
    Int32,
    Int64,
    Int96,
    Float,
    Double,
    ByteArray,
    FixedLengthByteArray,
}

/// <summary>A column that holds values, as against one that only groups others.</summary>
/// <param name="Path">Its name below those of the groups around it, with dots between them.</param>
/// <param name="Type">How its values are stored.</param>
/// <param name="MaxDefinitionLevel">How many of the parts of its path may be absent; a value of a lower level is null.</param>
/// <param name="IsRepeated">Whether a row may hold several values: lists are not read.</param>
/// <param name="IsText">Whether its bytes are declared to be UTF-8.</param>
internal sealed record ParquetColumn(string Path, PhysicalType Type, int MaxDefinitionLevel, bool IsRepeated, bool IsText);

/// <summary>Puts together the tree of columns, which a footer lists depth first, each with the number of its children.</summary>
internal static class ParquetSchema
{
    private const int MaxDepth = 32;

    /// <exception cref="ParquetDamageException">The numbers of children do not make a tree.</exception>
    public static IReadOnlyList<ParquetColumn> Leaves(IReadOnlyList<SchemaElement> elements)
    {
        var leaves = new List<ParquetColumn>();
        var next = 1; // the first is the root
        for (var child = 0; child < (elements.Count > 0 ? elements[0].Children : 0); child++)
            Add(elements, ref next, "", 0, isRepeated: false, depth: 0, leaves);
        return next == elements.Count ? leaves : throw Damage();
    }

    private static void Add(IReadOnlyList<SchemaElement> elements, ref int next, string prefix, int level, bool isRepeated, int depth, List<ParquetColumn> leaves)
    {
        if (next >= elements.Count || depth > MaxDepth)
            throw Damage();
        var element = elements[next++];
        var path = prefix + element.Name;
        level += element.Repetition == SchemaElement.Required ? 0 : 1;
        isRepeated |= element.Repetition == SchemaElement.Repeated;
        if (element.Children == 0)
        {
            leaves.Add(new ParquetColumn(path, element.Type ?? throw Damage(), level, isRepeated, element.IsText));
            return;
        }
        for (var child = 0; child < element.Children; child++)
            Add(elements, ref next, path + '.', level, isRepeated, depth + 1, leaves);
    }

    private static ParquetDamageException Damage() => new("is damaged: its columns do not make a tree");
}

/// <summary>A node of the schema as the footer writes it.</summary>
internal readonly record struct SchemaElement(string Name, PhysicalType? Type, int Repetition, long Children, bool IsText)
{
    public const int Required = 0;
    public const int Repeated = 2;
}
