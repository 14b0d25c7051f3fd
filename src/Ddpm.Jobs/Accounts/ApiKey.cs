namespace Ddpm.Jobs.Accounts;

/// <summary>What someone shows to use the API. The key itself is shown once, when it is made; only its hash is kept.</summary>
public sealed class ApiKey
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>Whom it acts for: lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>; 1 to 64 characters.</summary>
    public required string Account { get; init; }

    /// <summary>What it allows.</summary>
    public required ApiRole Role { get; init; }

    /// <summary>The first characters of the key, by which people tell keys apart.</summary>
    public required string Prefix { get; init; }

    /// <summary>SHA-256 of the key, lower-case hexadecimal. Keys are random and long: no slow hash is needed.</summary>
    public required string Sha256 { get; init; }

    /// <summary>When it was made (UTC).</summary>
    public required DateTime CreatedAt { get; init; }

    /// <summary>When it stops being accepted (UTC); null for never.</summary>
    public DateTime? ExpiresAt { get; init; }

    /// <summary>When it was last shown (UTC), to within some minutes.</summary>
    public DateTime? LastUsedAt { get; set; }

    /// <summary>When it was revoked (UTC); null while it is accepted.</summary>
    public DateTime? RevokedAt { get; set; }
}
