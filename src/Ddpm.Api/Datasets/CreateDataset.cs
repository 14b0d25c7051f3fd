using System.ComponentModel.DataAnnotations;
using Ddpm.Jobs.Datasets;

namespace Ddpm.Api.Datasets;

/// <summary>What is made of the pictures of an upload. As form fields beside the file; each is optional.</summary>
internal record UploadDataset : PicturePreparation
{
    /// <summary>Shown to people. From 1 to 200 characters; by default that of the file, folder or built-in set.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? Name { get; init; }
}

/// <summary>A dataset of pictures that need no upload.</summary>
internal sealed record CreateDataset : UploadDataset
{
    /// <summary>Where the pictures come from.</summary>
    public required CreateDatasetSource Source { get; init; }
}

/// <summary>Where pictures come from that need no upload.</summary>
internal sealed record CreateDatasetSource
{
    public const string Directory = "directory";
    public const string Builtin = "builtin";

    /// <summary><c>directory</c> reads a folder on the worker's machine; <c>builtin</c> draws pictures itself.</summary>
    [AllowedValues(Directory, Builtin, ErrorMessage =
        "must be directory or builtin, the kinds supported so far (to upload an archive, send multipart/form-data with a part named file)")]
    public required string Kind { get; init; }

    /// <summary>For <c>directory</c>: an absolute path under one of the folders that the setting Datasets:AllowedRoots lists. Sub-folders are classes.</summary>
    [StringLength(4096, MinimumLength = 1)]
    public string? Path { get; init; }

    /// <summary>For <c>builtin</c>: which set. There is one, <c>faces</c>.</summary>
    [AllowedValues(null, "faces", ErrorMessage = "must be faces")]
    public string? Name { get; init; }

    /// <summary>For <c>builtin</c>: how many pictures. From 1 to 1,000,000; default 10,000.</summary>
    [Range(1, 1_000_000)]
    public int? Count { get; init; }

    /// <summary>For <c>builtin</c>: decides the pictures. From 0 to 2⁵³ − 1; default 0.</summary>
    [Range(0.0, 9_007_199_254_740_991.0)]
    public long? Seed { get; init; }
}
