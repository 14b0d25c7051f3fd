namespace Ddpm.Jobs.Storage;

/// <summary>An <c>Idempotency-Key</c> that was used: the same key and body give the same resource, another body is refused.</summary>
public sealed class IdempotencyRecord
{
    /// <summary>The header's value.</summary>
    public required string Key { get; init; }

    /// <summary>Method and path it was used with; a key counts within these.</summary>
    public required string Scope { get; init; }

    /// <summary>SHA-256 of the request's body (for an upload: of its fields and its file), hexadecimal.</summary>
    public required string BodySha256 { get; init; }

    /// <summary>Where the resource is.</summary>
    public required string Location { get; init; }

    /// <summary>When (UTC).</summary>
    public required DateTime CreatedAt { get; init; }
}
