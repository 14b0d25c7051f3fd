using System.Text.Json.Serialization;
using Ddpm.Api.Http;
using Ddpm.Jobs.Datasets;

namespace Ddpm.Api.Datasets;

/// <summary>A set of pictures, decoded once into what training reads.</summary>
internal sealed record DatasetView : JobView
{
    public DatasetView(Dataset dataset, int? queuePosition = null)
        : base(dataset.Id, dataset.Job!, queuePosition)
    {
        Name = dataset.Name;
        Source = dataset.Spec.Source;
        Resolution = dataset.Spec.Resolution;
        Channels = dataset.Spec.Channels;
        Limit = dataset.Spec.Limit;
        Deduplicate = dataset.Spec.Deduplicate;
        Background = dataset.Spec.Background;
        ImageCount = dataset.ImageCount;
        DuplicateCount = dataset.DuplicateCount;
        SkippedCount = dataset.SkippedCount;
        Skipped = dataset.Skipped;
        Classes = dataset.Classes;
        Bytes = dataset.Bytes;
        Sha256 = dataset.Sha256;
        Links = new($"/datasets/{dataset.Id}", dataset.PreviewKey is null ? null : $"/datasets/{dataset.Id}/preview.png");
    }

    /// <summary>Shown to people; not unique.</summary>
    [JsonPropertyOrder(-8)]
    public string Name { get; }

    /// <summary>Where the pictures came from.</summary>
    public DatasetSource Source { get; }

    /// <summary>Side of the pictures, in pixels.</summary>
    public int Resolution { get; }

    /// <summary>1 for grey, 3 for colour.</summary>
    public int Channels { get; }

    /// <summary>The most pictures that were to be taken; null for all.</summary>
    public int? Limit { get; }

    /// <summary>Whether one of each set of identical pictures was kept.</summary>
    public bool Deduplicate { get; }

    /// <summary>What shows through transparent pixels.</summary>
    public string Background { get; }

    /// <summary>Pictures in the set.</summary>
    public int ImageCount { get; }

    /// <summary>Pictures left out because another had the same content.</summary>
    public int DuplicateCount { get; }

    /// <summary>Files left out because they could not be read as pictures.</summary>
    public int SkippedCount { get; }

    /// <summary>The first of those files, at most 100, each with its reason.</summary>
    public IReadOnlyList<SkippedFile> Skipped { get; }

    /// <summary>Class names with their picture counts; empty without sub-folders.</summary>
    public IReadOnlyList<DatasetClass> Classes { get; }

    /// <summary>Bytes on disk.</summary>
    public long Bytes { get; }

    /// <summary>SHA-256 of the pixels, hexadecimal.</summary>
    public string? Sha256 { get; }

    /// <summary>Where to go from here.</summary>
    [JsonPropertyOrder(9)]
    public DatasetLinks Links { get; }
}

/// <summary>Addresses around a dataset.</summary>
/// <param name="Self">This resource.</param>
/// <param name="Preview">A grid of what the network will see; null until it has been built.</param>
internal sealed record DatasetLinks(string Self, string? Preview);
