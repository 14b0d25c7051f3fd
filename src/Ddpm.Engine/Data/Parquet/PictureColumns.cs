using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>Which columns of a file hold the pictures and their labels.</summary>
/// <param name="Pictures">Whole picture files.</param>
/// <param name="Labels">Whole numbers or text; null without classes.</param>
/// <param name="Classes">Names of the numbers; empty where they have none.</param>
internal sealed record PictureColumns(ParquetColumn Pictures, ParquetColumn? Labels, IReadOnlyList<string> Classes)
{
    // The Image feature of the Hugging Face libraries: a struct of the picture's bytes and the path it once had.
    private const string BytesOfStruct = ".bytes";
    private const int NamedAtMost = 20;

    private static readonly string[] _usualPictureNames = ["image", "img", "images", "picture"];
    private static readonly string[] _usualLabelNames = ["label", "labels", "class"];

    /// <param name="footer">Of the file.</param>
    /// <param name="pictures">Name of the column of pictures; null to find it.</param>
    /// <param name="labels">Name of the column of labels; null to find one, or go without.</param>
    /// <exception cref="ParquetDamageException">There is no such column, or there are several that might be meant.</exception>
    public static PictureColumns Find(ParquetFooter footer, string? pictures, string? labels)
    {
        var features = HubFeatures.Of(footer);
        var label = FindLabels(footer, features, labels);
        return new PictureColumns(FindPictures(footer, features, pictures), label, label is not null && features.Labels.TryGetValue(label.Path, out var names) ? names : []);
    }

    /// <summary>The class that a value of the label column stands for; null for none.</summary>
    public string? ClassOf(ReadOnlyMemory<byte>? value)
    {
        if (value is not { } bytes)
            return null;
        if (Labels!.Type == PhysicalType.ByteArray)
            return bytes.Length > 0 ? Encoding.UTF8.GetString(bytes.Span) : null;
        var number = bytes.Length == sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(bytes.Span) : BinaryPrimitives.ReadInt64LittleEndian(bytes.Span);
        if (number == -1) // ClassLabel's word for "not known"
            return null;
        if (Classes.Count == 0)
            return number.ToString(CultureInfo.InvariantCulture);
        return number >= 0 && number < Classes.Count ? Classes[(int)number] : throw new ParquetDamageException($"has the label {number} in its column {Labels.Path}, which names {Classes.Count} classes");
    }

    private static ParquetColumn FindPictures(ParquetFooter footer, HubFeatures features, string? asked)
    {
        var candidates = footer.Columns.Where(column => column is { Type: PhysicalType.ByteArray, IsRepeated: false } && (column.Path.EndsWith(BytesOfStruct, StringComparison.Ordinal) || !column.IsText)).ToList();
        if (asked is not null)
            return Named(asked) ?? throw new ParquetDamageException($"has no column of pictures called {asked} (bytes, or a struct of bytes and path); {Listing(footer)}");
        return features.Images.Concat(_usualPictureNames).Select(Named).FirstOrDefault(column => column is not null) ?? candidates.Count switch
        {
            1 => candidates[0],
            0 => throw new ParquetDamageException($"has no column of pictures (bytes, or a struct of bytes and path); {Listing(footer)}"),
            _ => throw new ParquetDamageException($"has several columns that may hold pictures, {string.Join(", ", candidates.Take(NamedAtMost).Select(column => column.Path))}; name one"),
        };

        ParquetColumn? Named(string name) => candidates.Find(column => column.Path == name + BytesOfStruct || column.Path == name);
    }

    private static ParquetColumn? FindLabels(ParquetFooter footer, HubFeatures features, string? asked)
    {
        if (asked is not null)
            return Named(asked) ?? throw new ParquetDamageException($"has no column of labels called {asked} (whole numbers or text); {Listing(footer)}");
        return features.Labels.Count == 1 ? Named(features.Labels.Keys.Single()) : _usualLabelNames.Select(Named).FirstOrDefault(column => column is not null);

        ParquetColumn? Named(string name) => footer.Columns.FirstOrDefault(column => column.Path == name && !column.IsRepeated && column switch
        {
            { Type: PhysicalType.Int32 or PhysicalType.Int64 } => true,
            { Type: PhysicalType.ByteArray, IsText: true } => true,
            _ => false,
        });
    }

    private static string Listing(ParquetFooter footer) =>
        $"its columns are {string.Join(", ", footer.Columns.Take(NamedAtMost).Select(column => column.Path))}{(footer.Columns.Count > NamedAtMost ? " and more" : "")}";
}
