using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Models;

/// <summary>A name that people use for a checkpoint.</summary>
public sealed class NamedModel
{
    /// <summary>The model that is shipped: that of requests that name none, unless the setting <c>Samples:DefaultModel</c> says otherwise.</summary>
    public const string Shipped = "faces-32";

    /// <summary>Lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>; 1 to 64 characters, the first a letter or digit.</summary>
    public required string Name { get; init; }

    /// <summary>Whose it is: a name of <see cref="Accounts.Account"/>.</summary>
    public string Account { get; init; } = Accounts.Account.Local;

    /// <summary>What it names; null while an import has not succeeded.</summary>
    public Guid? CheckpointId { get; set; }

    /// <summary>What it names.</summary>
    public Checkpoint? Checkpoint { get; set; }

    /// <summary>The import that makes it; null where a checkpoint was named.</summary>
    public Guid? JobId { get; set; }

    /// <summary>The import that makes it.</summary>
    public Job? Job { get; set; }

    /// <summary>Artifact key of the uploaded zip, until it has been taken in.</summary>
    public string? UploadKey { get; set; }

    /// <summary>Owner and name of the repository of the hub that it is imported from; null where it is not.</summary>
    public string? HubRepository { get; set; }

    /// <summary>The branch, tag or commit of that repository.</summary>
    public string? HubRevision { get; set; }

    /// <summary>For people.</summary>
    public string? Description { get; set; }

    /// <summary>When it was made (UTC).</summary>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When it last changed (UTC).</summary>
    public required DateTime UpdatedAt { get; set; }
}
