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
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
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
}
