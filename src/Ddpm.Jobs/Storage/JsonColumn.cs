using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Ddpm.Jobs.Storage;

/// <summary>Keeps a value as JSON in one column: camelCase, enums as strings, so that rows read like requests.</summary>
internal static class JsonColumn
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase), new StorableText() },
    };

    public static PropertyBuilder<T> IsJson<T>(this PropertyBuilder<T> property, string columnType)
        where T : class =>
        property.HasConversion(value => Write(value), text => Read<T>(text), new Comparer<T>()).HasColumnType(columnType);

    private static string Write<T>(T value) => JsonSerializer.Serialize(value, Options);

    private static T Read<T>(string text) =>
        JsonSerializer.Deserialize<T>(text, Options) ?? throw new JsonException($"A column of {typeof(T).Name} holds null.");

    // Records with lists compare those by reference, so equality is that of the JSON.
    private sealed class Comparer<T>() : ValueComparer<T>(
        (left, right) => Write(left) == Write(right),
        value => Write(value).GetHashCode(StringComparison.Ordinal),
        value => Read<T>(Write(value)));

    // Names of files and words of foreign configurations may hold what PostgreSQL keeps in no text.
    private sealed class StorableText : JsonConverter<string>
    {
        public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString();

        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(DatabaseText.Storable(value));

        public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

        public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(DatabaseText.Storable(value));
    }
}
