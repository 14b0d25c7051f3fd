using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;

namespace Ddpm.Jobs.Datasets;

/// <summary>What is made of pictures.</summary>
public record PicturePreparation
{
    /// <summary>Side of the square pictures that the network sees, in pixels. From 8 to 512; default 64, the article's.</summary>
    [Range(8, 512)]
    public int Resolution { get; init; } = 64;

    /// <summary>At most so many pictures, the first in name order. From 1 to 10,000,000; null for all.</summary>
    [Range(1, 10_000_000)]
    public int? Limit { get; init; }

    /// <summary>Keep one of each set of pictures with identical content (the article's set holds each picture four times).</summary>
    public bool Deduplicate { get; init; }

    /// <summary>What shows through transparent pixels: <c>#rrggbb</c>.</summary>
    [RegularExpression("^#[0-9a-fA-F]{6}$", ErrorMessage = "must be a colour written #rrggbb")]
    public string Background { get; init; } = "#ffffff";

    /// <summary>1 for grey, 3 for colour.</summary>
    [AllowedValues(1, 3, ErrorMessage = "must be 1 (grey) or 3 (colour)")]
    public int Channels { get; init; } = 3;
}

/// <summary>Where pictures come from and what is made of them. Stored with the dataset, so that it can be made again.</summary>
public sealed record DatasetSpec : PicturePreparation
{
    /// <summary>A spec that says nothing yet.</summary>
    public DatasetSpec()
    {
    }

    /// <summary>A spec that prepares pictures as asked.</summary>
    [SetsRequiredMembers]
    public DatasetSpec(DatasetSource source, PicturePreparation preparation)
        : base(preparation) => Source = source;

    /// <summary>Where the pictures come from.</summary>
    public required DatasetSource Source { get; init; }
}

/// <summary>Where pictures come from.</summary>
public sealed record DatasetSource
{
    /// <summary>Which of the fields below counts.</summary>
    public required DatasetSourceKind Kind { get; init; }

    /// <summary>A folder the worker can read, under one of the allowed roots; sub-folders are classes. May hold parquet files instead. For <c>directory</c>.</summary>
    public string? Path { get; init; }

    /// <summary>Owner and name of a dataset on the hub, such as <c>huggan/anime-faces</c>. For <c>huggingface</c>.</summary>
    public string? Repository { get; init; }

    /// <summary>Its branch, tag or commit; null for <c>main</c>.</summary>
    public string? Revision { get; init; }

    /// <summary>Which split of parquet files; null for the only one, or <c>train</c>.</summary>
    public string? Split { get; init; }

    /// <summary>Name of their column of pictures; null to find it.</summary>
    public string? ImageColumn { get; init; }

    /// <summary>Name of their column of labels; null to find one, or go without.</summary>
    public string? LabelColumn { get; init; }

    /// <summary>The built-in set: <c>faces</c>. For <c>builtin</c>.</summary>
    public string? Name { get; init; }

    /// <summary>How many pictures of the built-in set, from 1 to 1,000,000.</summary>
    [Range(1, 1_000_000)]
    public int? Count { get; init; }

    /// <summary>Seed of the built-in set.</summary>
    [Range(0, 9_007_199_254_740_991)]
    public long Seed { get; init; }
}

/// <summary>Kinds of sources.</summary>
public enum DatasetSourceKind
{
    /// <summary>A zip or tar that came with the request.</summary>
    Upload,

    /// <summary>A folder on the worker's machine.</summary>
    Directory,

    /// <summary>Pictures this program draws itself.</summary>
    Builtin,

    /// <summary>Parquet files of a dataset on the Hugging Face hub.</summary>
    Huggingface,
}
