using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ddpm.Engine.Checkpoints;

/// <summary>What the labels of a class-conditional model stand for: <c>classes.json</c> beside <c>model_index.json</c>. diffusers ignores the file.</summary>
/// <param name="Names">Of the classes, by label: unique, none empty; at least one.</param>
/// <param name="NullClass">The label that stands for no class, on which the model was trained by label dropout (Ho &amp; Salimans 2022): always the one
/// after the last class; null where there is none, and so no classifier-free guidance.</param>
public sealed record ClassNames(IReadOnlyList<string> Names, int? NullClass)
{
    /// <summary>Its name in a model's folder.</summary>
    public const string FileName = "classes.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        AllowDuplicateProperties = false,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // names of folders, to be read by people; never part of a web page
    };

    /// <summary>Labels the network knows, the null class included: its <c>num_class_embeds</c>.</summary>
    [JsonIgnore]
    public int Labels => NullClass is null ? Names.Count : Names.Count + 1;

    /// <summary>Reads it from a model's folder.</summary>
    /// <returns>Null where the folder has none, as models made elsewhere.</returns>
    /// <exception cref="CheckpointException">It is unsound.</exception>
    public static ClassNames? Read(string folder)
    {
        var file = new FileInfo(Path.Combine(folder, FileName));
        if (!file.Exists)
            return null;
        if (file.Length > 1 << 20)
            throw new CheckpointException($"{FileName} has {file.Length} bytes; names of classes have at most 1 MiB.");
        try
        {
            var classes = JsonSerializer.Deserialize<ClassNames>(File.ReadAllText(file.FullName), Json);
            return classes?.Fault() is { } fault ? throw new CheckpointException($"{FileName}: {fault}") : classes ?? throw new CheckpointException($"{FileName} holds no classes.");
        }
        catch (JsonException fault)
        {
            throw new CheckpointException($"{FileName} cannot be read at '{fault.Path ?? "$"}': {Refusal.OfJson(fault)}", fault);
        }
    }

    /// <summary>Writes it into a model's folder, flushed to the disk.</summary>
    /// <exception cref="ArgumentException">It is unsound.</exception>
    public void Write(string folder)
    {
        if (Fault() is { } fault)
            throw new ArgumentException(fault);
        DiffusersFolder.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, Json) + "\n");
    }

    /// <summary>Refuses names that are not those of a network.</summary>
    /// <exception cref="CheckpointException">The network knows no classes, or another number of them.</exception>
    internal void RequireFit(int? numClassEmbeds)
    {
        if (numClassEmbeds != Labels)
            throw new CheckpointException(
                $"{FileName} names {Names.Count} classes{(NullClass is null ? "" : " and a null class")}, but num_class_embeds of the network is {numClassEmbeds?.ToString() ?? "null"}.");
    }

    private string? Fault()
    {
        if (Names.Count == 0 || Names.Any(string.IsNullOrWhiteSpace))
            return "names must hold at least one name, and none that is empty.";
        if (Names.Distinct(StringComparer.Ordinal).Count() != Names.Count)
            return "names holds a name twice.";
        return NullClass is { } label && label != Names.Count ? $"null_class is {label}; it is the label after the last class, {Names.Count}, or null." : null;
    }
}
