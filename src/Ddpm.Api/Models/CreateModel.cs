using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.Models;

/// <summary>The form fields beside an uploaded diffusers folder.</summary>
internal record ImportModel
{
    /// <summary>Lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>; 1 to 64 characters, the first a letter or digit.</summary>
    [RegularExpression(NamePattern, ErrorMessage =
        "must be 1 to 64 lower-case letters, digits, '.', '_' or '-', the first a letter or digit")]
    public required string Name { get; init; }

    /// <summary>For people. At most 1000 characters.</summary>
    [StringLength(1000)]
    public string? Description { get; init; }

    public const string NamePattern = "^[a-z0-9][a-z0-9._-]{0,63}$";
}

/// <summary>A name for a checkpoint.</summary>
internal sealed record CreateModel : ImportModel
{
    /// <summary>What it names.</summary>
    public required Guid CheckpointId { get; init; }
}

/// <summary>What a name is to point to from now on.</summary>
internal sealed record PutModel
{
    /// <summary>What it names.</summary>
    public required Guid CheckpointId { get; init; }

    /// <summary>For people. At most 1000 characters; left out, it stays as it is.</summary>
    [StringLength(1000)]
    public string? Description { get; init; }
}
