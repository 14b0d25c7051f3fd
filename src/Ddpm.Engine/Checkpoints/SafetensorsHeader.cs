using System.Text;
using System.Text.Json;

namespace Ddpm.Engine.Checkpoints;

/// <summary>A tensor as the header of a safetensors file describes it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Dtype">Its type in the format's words: F32, I64 and so on.</param>
/// <param name="Shape">Its sizes.</param>
/// <param name="Offset">Where its data begins, in bytes from the start of the file.</param>
/// <param name="Length">Bytes of its data.</param>
public sealed record SafetensorsEntry(string Name, string Dtype, IReadOnlyList<long> Shape, long Offset, long Length);

/// <summary>Reads and checks the header of a safetensors file: nothing is believed before it is checked.</summary>
internal static class SafetensorsHeader
{
    // The reference reader takes 100 MB, which parsed would be some gigabytes; the header of a network of a thousand tensors has 150 kB.
    private const long MaxBytes = 16 << 20;

    private const int MaxDimensions = 64; // of a tensor that is anything at all

    /// <exception cref="CheckpointException">The header is not one, or lies about the data.</exception>
    public static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Read(Stream file, string path)
    {
        var name = Path.GetFileName(path);
        var total = file.Length;
        Span<byte> prefix = stackalloc byte[8];
        if (total < 8 || file.ReadAtLeast(prefix, 8, throwOnEndOfStream: false) < 8)
            throw new CheckpointException($"{name} is no safetensors file: it has {total} bytes and needs at least 8.");
        var length = BitConverter.ToUInt64(prefix);
        if (length > MaxBytes || (long)length > total - 8)
            throw new CheckpointException($"{name} is no safetensors file: its header claims {length} bytes; at most {Math.Min(MaxBytes, total - 8)} can be there.");
        var header = new byte[length];
        file.ReadExactly(header);
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = 8 });
            return Parse(json.RootElement, name, 8 + (long)length, total);
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException) // the latter of text that is not Unicode
        {
            throw new CheckpointException($"The header of {name} is not valid JSON: {Refusal.OfJson(fault)}", fault);
        }
    }

    /// <summary>The header for these tensors, padded with spaces to a multiple of eight bytes, with its length in front.</summary>
    public static byte[] Write(IReadOnlyList<SafetensorsEntry> entries, IReadOnlyDictionary<string, string> metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WritePropertyName("__metadata__");
            JsonSerializer.Serialize(json, metadata);
            foreach (var entry in entries)
            {
                json.WriteStartObject(entry.Name);
                json.WriteString("dtype", entry.Dtype);
                json.WritePropertyName("shape");
                JsonSerializer.Serialize(json, entry.Shape);
                json.WritePropertyName("data_offsets");
                JsonSerializer.Serialize(json, new[] { entry.Offset, entry.Offset + entry.Length });
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        var padding = (8 - (buffer.Length % 8)) % 8;
        buffer.Write(Encoding.ASCII.GetBytes(new string(' ', (int)padding)));
        return [.. BitConverter.GetBytes((ulong)buffer.Length), .. buffer.ToArray()];
    }

    private static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(JsonElement root, string file, long dataStart, long total)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new CheckpointException($"The header of {file} must be a JSON object.");
        var entries = new List<SafetensorsEntry>();
        var metadata = new Dictionary<string, string>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name == "__metadata__" && property.Value.ValueKind == JsonValueKind.Object)
                foreach (var pair in property.Value.EnumerateObject())
                    metadata[pair.Name] = pair.Value.ValueKind == JsonValueKind.String ? pair.Value.GetString()! : throw new CheckpointException($"{file}: '{pair.Name}' of __metadata__ is not text.");
            else
                entries.Add(ParseEntry(property, file, dataStart, total));
        }

        // The data must be covered exactly once: no overlap and no hole where anything could hide.
        var expected = dataStart;
        foreach (var entry in entries.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Length))
        {
            if (entry.Offset != expected)
                throw new CheckpointException($"{file}: the data of tensor '{entry.Name}' begins at byte {entry.Offset - dataStart}, not at {expected - dataStart} where the one before it ends.");
            expected += entry.Length;
        }

        return expected == total
            ? (entries, metadata)
            : throw new CheckpointException($"{file} has {total - expected} bytes of data that no tensor owns.");
    }

    private static SafetensorsEntry ParseEntry(JsonProperty property, string file, long dataStart, long total)
    {
        CheckpointException Fault(string what) => new($"{file}: tensor '{property.Name}' {what}.");
        var value = property.Value;
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String
            || !value.TryGetProperty("shape", out var sizes) || !value.TryGetProperty("data_offsets", out var offsets))
            throw Fault("needs dtype, shape and data_offsets");
        var shape = Integers(sizes) ?? throw Fault("has a shape that is no list of whole numbers");
        if (Integers(offsets) is not [var begin, var end] || begin < 0 || end < begin || end > total - dataStart)
            throw Fault("has data_offsets outside the file");
        if (!SafetensorsTypes.TryGetSize(dtype.GetString()!, out var size))
            throw Fault($"has dtype {dtype}; {string.Join(", ", SafetensorsTypes.Names)} are supported");
        if (shape.Length > MaxDimensions)
            throw Fault($"has {shape.Length} dimensions; at most {MaxDimensions} are read");
        long elements = 1; // were none of the sizes 0: torch cannot hold the strides of others either
        foreach (var extent in shape)
        {
            if (extent < 0 || (extent > 0 && elements > long.MaxValue / 8 / extent))
                throw Fault($"has an impossible shape [{string.Join(", ", shape)}]");
            elements *= Math.Max(1, extent);
        }

        if (shape.Contains(0))
            elements = 0;
        return elements * size == end - begin
            ? new SafetensorsEntry(property.Name, dtype.GetString()!, shape, dataStart + begin, end - begin)
            : throw Fault($"of shape [{string.Join(", ", shape)}] and dtype {dtype} needs {elements * size} bytes but owns {end - begin}");
    }

    private static long[]? Integers(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        var numbers = new List<long>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number))
                return null;
            numbers.Add(number);
        }

        return [.. numbers];
    }
}
