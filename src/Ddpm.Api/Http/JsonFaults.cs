using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Ddpm.Api.Http;

/// <summary>Compares JSON with the type that it should become, and names every difference. The serializer would stop at the first, in words
/// about .NET types; what passes here it reads without complaint.</summary>
internal static class JsonFaults
{
    public static void Collect(JsonElement element, JsonTypeInfo type, string path, Faults faults, RangeAttribute? declared = null)
    {
        switch (type.Kind)
        {
            case JsonTypeInfoKind.Object when element.ValueKind == JsonValueKind.Object:
                CollectObject(element, type, path, faults);
                break;
            case JsonTypeInfoKind.Enumerable when element.ValueKind == JsonValueKind.Array:
                var elementType = type.Options.GetTypeInfo(type.ElementType!);
                foreach (var (index, item) in element.EnumerateArray().Index())
                    Collect(item, elementType, $"{path}[{index}]", faults);
                break;
            default:
                if ((JsonValues.Fault(element, type) ?? Ranges.FaultOfType(element, type.Type, declared)) is { } fault)
                    faults.Add(path, fault);
                break;
        }
    }

    private static void CollectObject(JsonElement element, JsonTypeInfo type, string path, Faults faults)
    {
        var known = type.Properties.Where(property => property.Set is not null).ToDictionary(property => property.Name);
        foreach (var member in element.EnumerateObject())
        {
            var memberPath = path.Length == 0 ? member.Name : $"{path}.{member.Name}";
            if (known.Remove(member.Name, out var property))
                CollectProperty(member.Value, property, memberPath, faults);
            else
                faults.Add(memberPath, $"is not a field here; the fields are {string.Join(", ", type.Properties.Select(p => p.Name))}");
        }

        foreach (var missing in known.Values.Where(property => property.IsRequired))
            faults.Add(path.Length == 0 ? missing.Name : $"{path}.{missing.Name}", "is required");
    }

    private static void CollectProperty(JsonElement value, JsonPropertyInfo property, string path, Faults faults)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            if (!property.IsSetNullable)
                faults.Add(path, property.IsRequired ? "is required and must not be null" : "must not be null; leave it out for its default");
            return;
        }

        var before = faults.Count;
        Collect(value, property.Options.GetTypeInfo(property.PropertyType), path, faults, Ranges.DeclaredBy(property));
        if (faults.Count == before && Ranges.Fault(value, property) is { } outOfRange)
            faults.Add(path, outOfRange);
    }
}
