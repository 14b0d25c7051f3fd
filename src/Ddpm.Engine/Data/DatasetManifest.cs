using System.Text.Json;
using System.Text.Json.Serialization;

namespace Ddpm.Engine.Data;

/// <summary>What lies in a dataset folder: its <c>dataset.json</c>, beside <c>images.u8</c> and, with classes, <c>labels.i32</c>.</summary>
public sealed record DatasetManifest
{
    internal const string FileName = "dataset.json";
    internal const string PixelsFile = "images.u8";
    internal const string LabelsFile = "labels.i32";
    internal const int CurrentFormat = 1;

    /// <summary>Skipped files named in <see cref="Skipped"/> at most.</summary>
    public const int MaxSkippedNamed = 100;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip,
        RespectNullableAnnotations = true,
    };

    /// <summary>Version of the layout: 1.</summary>
    public required int Format { get; init; }

    /// <summary>Pictures in the cache.</summary>
    public required int Count { get; init; }

    /// <summary>1 (grey) or 3 (red, green, blue).</summary>
    public required int Channels { get; init; }

    /// <summary>Rows of a picture.</summary>
    public required int Height { get; init; }

    /// <summary>Columns of a picture.</summary>
    public required int Width { get; init; }

    /// <summary>SHA-256 of <c>images.u8</c>, lower-case hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>SHA-256 of <c>labels.i32</c>, lower-case hexadecimal; null where there is none, or it was made before this was recorded.</summary>
    public string? LabelsSha256 { get; init; }

    /// <summary>The classes, in the order that the source gives them or in ordinal order of their names; a picture's label is an index into it. Empty if nothing has a class.</summary>
    public required IReadOnlyList<DatasetClass> Classes { get; init; }

    /// <summary>Pictures whose content equals that of an earlier one.</summary>
    public required int Duplicates { get; init; }

    /// <summary>Whether the duplicates were left out; if not, they are among the pictures.</summary>
    public required bool Deduplicated { get; init; }

    /// <summary>Files left out because they could not be read as pictures.</summary>
    public required int SkippedCount { get; init; }

    /// <summary>The first of them, each with its reason.</summary>
    public required IReadOnlyList<SkippedFile> Skipped { get; init; }

    internal static DatasetManifest Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        try
        {
            using var stream = File.OpenRead(path);
            var manifest = JsonSerializer.Deserialize<DatasetManifest>(stream, Json) ?? throw new JsonException("The file holds null.");
            if (manifest.Classes.Contains(null!)) // the serializer looks at members, not at what lists hold
                throw new JsonException("One of its classes is null.");
            return manifest.Format == CurrentFormat
                ? manifest
                : throw new DatasetException($"{path} has format {manifest.Format}; this version reads format {CurrentFormat}.");
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DatasetException($"{folder} is not a dataset: it has no {FileName}.", exception);
        }
        catch (JsonException exception)
        {
            throw new DatasetException($"{path} is damaged: {exception.Message}", exception);
        }
    }

    internal void Write(string folder)
    {
        using var stream = File.Create(Path.Combine(folder, FileName));
        JsonSerializer.Serialize(stream, this, Json);
        stream.Flush(flushToDisk: true);
    }
}

/// <summary>A class of a dataset.</summary>
/// <param name="Name">Name of its sub-folder, or what the source calls it.</param>
/// <param name="Count">Pictures in it; 0 is possible where the source names its classes itself.</param>
public sealed record DatasetClass(string Name, int Count);

/// <summary>A file that was left out.</summary>
/// <param name="Name">Its path inside the source.</param>
/// <param name="Reason">Why, in a few words.</param>
public sealed record SkippedFile(string Name, string Reason);
