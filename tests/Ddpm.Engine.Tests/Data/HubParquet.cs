using Parquet;
using Parquet.Schema;

namespace Ddpm.Engine.Tests.Data;

/// <summary>Writes parquet files as the Hugging Face libraries lay them out, by another implementation of the format than the one that reads them here.</summary>
internal static class HubParquet
{
    /// <summary>A column <c>image</c>, a struct of bytes and path, and a column <c>label</c> of whole numbers.</summary>
    /// <param name="path">The file to make.</param>
    /// <param name="rows">Pictures with their labels.</param>
    /// <param name="classes">Names of the labels, in the metadata; null for none.</param>
    /// <param name="rowsPerGroup">As many as one group holds.</param>
    public static async Task WriteAsync(string path, IEnumerable<(byte[]? Picture, int? Label)> rows, string[]? classes = null, int rowsPerGroup = 100)
    {
        var (bytes, name, label) = (new DataField<byte[]>("bytes"), new DataField<string>("path"), new DataField<int?>("label"));
        await using var file = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(new StructField("image", bytes, name), label), file);
        if (classes is not null)
        {
            var names = string.Join(", ", classes.Select(name => $"\"{name}\""));
            writer.CustomMetadata = new Dictionary<string, string>
            {
                ["huggingface"] = $$$"""{"info": {"features": {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": [{{{names}}}] } } } }""",
            };
        }

        var row = 0;
        foreach (var group in rows.Chunk(rowsPerGroup))
        {
            using var target = writer.CreateRowGroup();
            await target.WriteAsync(bytes, [.. group.Select(pair => pair.Picture!)]);
            await target.WriteAsync(name, [.. group.Select(_ => $"{row++}.png")]);
            await target.WriteAsync<int>(label, group.Select(pair => pair.Label).ToArray());
        }
    }

    public static (DataField Field, Array Values) Column<T>(string name, params T[] values) => (new DataField<T>(name), values);

    /// <summary>Columns as they come.</summary>
    public static async Task WriteAsync(string path, params (DataField Field, Array Values)[] columns)
    {
        await using var file = File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(columns.Select(column => column.Field)), file);
        using var group = writer.CreateRowGroup();
        foreach (var (field, values) in columns)
        {
            await (values switch
            {
                byte[][] bytes => group.WriteAsync(field, bytes),
                string[] texts => group.WriteAsync(field, texts),
                long[] numbers => group.WriteAsync<long>(field, numbers),
                _ => throw new ArgumentException($"Columns of {values.GetType()} are not written.", nameof(columns)),
            });
        }
    }
}
