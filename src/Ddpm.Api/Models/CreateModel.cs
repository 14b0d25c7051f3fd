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

/// <summary>A name for a checkpoint, or a model of the hub to take in: one of the two.</summary>
internal sealed record CreateModel : ImportModel
{
    /// <summary>What it names.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>What it is imported from.</summary>
    public CreateModelHub? Hub { get; init; }
}

/// <summary>A diffusers folder on the Hugging Face hub.</summary>
internal sealed record CreateModelHub
{
    /// <summary>Owner and name, such as <c>google/ddpm-cifar10-32</c>.</summary>
    [RegularExpression(RepositoryPattern, ErrorMessage = "must be owner/name, such as google/ddpm-cifar10-32")]
    public required string Repository { get; init; }

    /// <summary>A branch, tag or commit. Default <c>main</c>.</summary>
    [StringLength(200, MinimumLength = 1)]
    public string? Revision { get; init; }

    public const string RepositoryPattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$";
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
