using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ddpm.Engine.Data.Parquet;

/// <summary>What the Hugging Face libraries write into a parquet file's metadata, under <c>huggingface</c>, about its columns.</summary>
/// <param name="Images">Columns of pictures, in order.</param>
/// <param name="Labels">Columns of class labels with the names of their classes, in the order of the numbers; empty where they have none.</param>
internal sealed record HubFeatures(IReadOnlyList<string> Images, IReadOnlyDictionary<string, IReadOnlyList<string>> Labels)
{
    private const string Key = "huggingface";

    /// <exception cref="ParquetDamageException">It is there and is not what they write.</exception>
    public static HubFeatures Of(ParquetFooter footer)
    {
        var images = new List<string>();
        var labels = new Dictionary<string, IReadOnlyList<string>>();
        if (!footer.KeyValues.TryGetValue(Key, out var json))
            return new HubFeatures(images, labels);
        try
        {
            var features = JsonNode.Parse(json, documentOptions: new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false })?["info"]?["features"] as JsonObject ?? [];
            foreach (var (name, feature) in features)
            {
                var type = feature is JsonObject ? (string?)feature["_type"] : null; // lists of features have none
                if (type == "Image")
                    images.Add(name);
                else if (type == "ClassLabel")
                    labels[name] = NamesOf(feature!["names"] as JsonArray);
            }
        }
        catch (Exception damage) when (damage is JsonException or InvalidOperationException)
        {
            throw new ParquetDamageException($"is damaged: what its metadata says under '{Key}' cannot be understood", damage);
        }
        return new HubFeatures(images, labels);
    }

    private static string[] NamesOf(JsonArray? names)
    {
        var all = names?.Select(name => (string?)name ?? throw new JsonException("A class has no name.")).ToArray() ?? [];
        return all.Distinct(StringComparer.Ordinal).Count() == all.Length ? all : throw new JsonException("Two classes have the same name.");
    }
}
