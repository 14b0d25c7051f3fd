using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Ddpm.Api.Http;

/// <summary>Checks a value of the right type against the ranges that its property declares.</summary>
internal static class Ranges
{
    /// <returns>Null where the value is allowed, else "must be …; it is …".</returns>
    public static string? Fault(JsonElement element, JsonPropertyInfo property)
    {
        object? value = null;
        foreach (var attribute in Attributes<ValidationAttribute>(property))
        {
            value ??= element.Deserialize(property.Options.GetTypeInfo(property.PropertyType));
            if (!attribute.IsValid(value))
                return $"{Requirement(attribute)}; it {Actual(attribute, element)}";
        }

        return null;
    }

    public static RangeAttribute? DeclaredBy(JsonPropertyInfo property) => Attributes<RangeAttribute>(property).FirstOrDefault();

    /// <summary>Whether an integer fits its type; where it does not, the declared range is the better thing to say.</summary>
    public static string? FaultOfType(JsonElement element, Type type, RangeAttribute? declared)
    {
        var (low, high, fits) = (Nullable.GetUnderlyingType(type) ?? type) switch
        {
            var whole when whole == typeof(int) => (int.MinValue, int.MaxValue, element.TryGetInt32(out _)),
            var whole when whole == typeof(long) => (long.MinValue, long.MaxValue, element.TryGetInt64(out _)),
            _ => (0L, 0L, true),
        };
        return fits ? null : $"{(declared is null ? $"must be from {low} to {high}" : Requirement(declared))}; it is {JsonValues.Show(element)}";
    }

    private static string Requirement(ValidationAttribute attribute) => attribute switch
    {
        RangeAttribute range => $"must be from {Number(range.Minimum)} to {Number(range.Maximum)}",
        StringLengthAttribute length => $"must have from {length.MinimumLength} to {length.MaximumLength} characters",
        LengthAttribute length => $"must have from {length.MinimumLength} to {length.MaximumLength} elements",
        _ => attribute.ErrorMessage?.TrimEnd('.') ?? throw new InvalidOperationException($"{attribute.GetType().Name} needs an error message."),
    };

    private static string Actual(ValidationAttribute attribute, JsonElement element) => attribute switch
    {
        StringLengthAttribute => $"has {element.GetString()!.Length}",
        LengthAttribute => $"has {element.GetArrayLength()}",
        _ => $"is {JsonValues.Show(element)}",
    };

    private static string Number(object bound) => Convert.ToString(bound, CultureInfo.InvariantCulture)!;

    private static IEnumerable<T> Attributes<T>(JsonPropertyInfo property) where T : Attribute =>
        property.AttributeProvider?.GetCustomAttributes(typeof(T), inherit: true).Cast<T>() ?? [];
}
