using System.ComponentModel.DataAnnotations;
using Ddpm.Api.Models;
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
    public const string Huggingface = "huggingface";
    public const string Builtin = "builtin";

    /// <summary><c>directory</c> reads a folder on the worker's machine, <c>huggingface</c> parquet files of a dataset on the hub; <c>builtin</c> draws pictures itself.</summary>
    [AllowedValues(Directory, Huggingface, Builtin, ErrorMessage =
        "must be directory, huggingface or builtin (to upload an archive, send multipart/form-data with a part named file)")]
    public required string Kind { get; init; }

    /// <summary>For <c>directory</c>: an absolute path under one of the folders that the setting Datasets:AllowedRoots lists. Sub-folders are classes; a folder of parquet files is read as the hub's are.</summary>
    [StringLength(4096, MinimumLength = 1)]
    public string? Path { get; init; }

    /// <summary>For <c>huggingface</c>: owner and name of the dataset, such as <c>huggan/anime-faces</c>.</summary>
    [RegularExpression(CreateModelHub.RepositoryPattern, ErrorMessage = "must be owner/name, such as huggan/anime-faces")]
    public string? Repository { get; init; }

    /// <summary>For <c>huggingface</c>: a branch, tag or commit. Default <c>main</c>.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? Revision { get; init; }

    /// <summary>For parquet files: which split. By default the only one, or <c>train</c>.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? Split { get; init; }

    /// <summary>For parquet files: the column of pictures. By default the one that the file's metadata names, or one called <c>image</c>, or the only one.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? ImageColumn { get; init; }

    /// <summary>For parquet files: the column of class labels. By default the one that the file's metadata names, or one called <c>label</c>, if there is any.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? LabelColumn { get; init; }

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
