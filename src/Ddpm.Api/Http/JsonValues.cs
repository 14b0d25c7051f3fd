using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Ddpm.Api.Http;

/// <summary>Whether a JSON value can become a value of a type, and what to say where it cannot.</summary>
internal static class JsonValues
{
    private const int LongestShown = 40;

    /// <returns>Null where the value fits, else "must be …; it is …".</returns>
    public static string? Fault(JsonElement element, JsonTypeInfo typeInfo)
    {
        var type = Nullable.GetUnderlyingType(typeInfo.Type) ?? typeInfo.Type;
        var (fits, expected) = Type.GetTypeCode(type) switch
        {
            _ when type.IsEnum => (IsNameOf(element, type), $"one of {string.Join(", ", Names(type))}"),
            TypeCode.Boolean => (element.ValueKind is JsonValueKind.True or JsonValueKind.False, "true or false"),
            TypeCode.Int32 => (IsWhole(element), "a whole number, written with digits only"),
            TypeCode.Int64 => (IsWhole(element), "a whole number, written with digits only"),
            TypeCode.Double => (IsFinite(element), "a number"),
            TypeCode.String => (IsText(element), "a string without NUL characters"),
            _ when type == typeof(Guid) => (element.ValueKind == JsonValueKind.String && element.TryGetGuid(out _), "an id (a UUID in quotes)"),
            _ when type == typeof(byte[]) => (element.ValueKind == JsonValueKind.String && element.TryGetBytesFromBase64(out _), "bytes as base64 in quotes"),
            _ when typeInfo.Kind == JsonTypeInfoKind.Enumerable => (false, "an array"),
            _ => (false, "an object"),
        };
        return fits ? null : $"must be {expected}; it is {Show(element)}";
    }

    public static string Show(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => PlainText.Of(element.GetRawText() is { Length: > LongestShown } text ? text[..LongestShown] + "…" : element.GetRawText()),
    };

    public static IEnumerable<string> Names(Type enumType) => Enum.GetNames(enumType).Select(JsonNamingPolicy.CamelCase.ConvertName);

    // Digits alone are whole even where no integer type holds them: the range then says what is allowed.
    private static bool IsWhole(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && !element.GetRawText().AsSpan().ContainsAny('.', 'e', 'E');

    private static bool IsFinite(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var value) && double.IsFinite(value);

    // PostgreSQL stores no NUL in text.
    private static bool IsText(JsonElement element) => element.ValueKind == JsonValueKind.String && !element.GetString()!.Contains('\0');

    private static bool IsNameOf(JsonElement element, Type enumType) =>
        element.ValueKind == JsonValueKind.String && Names(enumType).Contains(element.GetString());
}
