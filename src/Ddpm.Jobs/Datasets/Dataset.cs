using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Datasets;

/// <summary>A set of pictures, decoded once into a cache that training reads.</summary>
public sealed class Dataset
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>The job that makes it.</summary>
    public required Guid JobId { get; set; }

    /// <summary>The job that makes it.</summary>
    public Job? Job { get; set; }

    /// <summary>Shown to people; not unique.</summary>
    public required string Name { get; set; }

    /// <summary>What was asked.</summary>
    public required DatasetSpec Spec { get; init; }

    /// <summary>Artifact key of the uploaded archive; null otherwise, and once it has been decoded.</summary>
    public string? UploadKey { get; set; }

    /// <summary>Artifact key of the cache folder; null until the job has succeeded.</summary>
    public string? CacheKey { get; set; }

    /// <summary>Artifact key of the preview grid.</summary>
    public string? PreviewKey { get; set; }

    /// <summary>Pictures in the cache.</summary>
    public int ImageCount { get; set; }

    /// <summary>Pictures left out because another had the same content.</summary>
    public int DuplicateCount { get; set; }

    /// <summary>Files left out because they could not be read as pictures.</summary>
    public int SkippedCount { get; set; }

    /// <summary>The first of the skipped files (at most 100), each with its reason.</summary>
    public List<SkippedFile> Skipped { get; set; } = [];

    /// <summary>Class names with their picture counts; empty without sub-folders.</summary>
    public List<DatasetClass> Classes { get; set; } = [];

    /// <summary>Bytes of the cache.</summary>
    public long Bytes { get; set; }

    /// <summary>SHA-256 of the cached pixels, hexadecimal.</summary>
    public string? Sha256 { get; set; }

    /// <summary>When its user deleted it (UTC), artifacts and all; the row stays only while training runs refer to it.</summary>
    public DateTime? DeletedAt { get; set; }
}

/// <summary>A file that was left out.</summary>
/// <param name="Name">Its path inside the source.</param>
/// <param name="Reason">Why, in a few words.</param>
public sealed record SkippedFile(string Name, string Reason);

/// <summary>A class of a dataset.</summary>
/// <param name="Name">Name of its sub-folder.</param>
/// <param name="Count">Pictures in it.</param>
public sealed record DatasetClass(string Name, int Count);
