using System.Text.RegularExpressions;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Accounts;

/// <summary>Makes, lists and revokes API keys.</summary>
public sealed partial class ApiKeyStore(IDbContextFactory<DdpmDbContext> databases, TimeProvider clock)
{
    /// <summary>Makes a key.</summary>
    /// <returns>The key itself, which nobody can ask for again, and its row.</returns>
    /// <exception cref="ArgumentException">The account cannot have that name, or the key would have expired already.</exception>
    public async Task<(string Key, ApiKey Row)> AddAsync(string account, ApiRole role, TimeSpan? lifetime, CancellationToken cancellationToken = default)
    {
        if (account is null || !AccountName().IsMatch(account))
            throw new ArgumentException($"'{account}' is no name of an account: 1 to {Account.LongestName} lower-case letters, digits, '.', '_' and '-' are accepted, the first a letter or digit.");
        if (account == Account.Shared)
            throw new ArgumentException($"'{account}' is what everybody may look at; an account of somebody needs another name.");
        var now = clock.GetUtcNow().UtcDateTime;
        var key = KeyText.Create();
        var row = new ApiKey
        {
            Id = Guid.CreateVersion7(),
            Account = account,
            Role = role,
            Prefix = KeyText.PrefixOf(key),
            Sha256 = Convert.ToHexStringLower(KeyText.Hash(key)),
            CreatedAt = now,
            ExpiresAt = now + lifetime,
        };
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        db.ApiKeys.Add(row);
        await db.SaveChangesAsync(cancellationToken);
        return (key, row);
    }

    /// <summary>All keys, the oldest first, revoked and expired ones too.</summary>
    public async Task<IReadOnlyList<ApiKey>> ListAsync(CancellationToken cancellationToken = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return await db.ApiKeys.AsNoTracking().OrderBy(key => key.Id).ToListAsync(cancellationToken);
    }

    /// <summary>Ends a key; one that was revoked before stays so.</summary>
    /// <param name="prefixOrId">Its id, or the beginning of the key: at least what lists show.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ArgumentException">There is no such key, or more than one.</exception>
    public async Task<ApiKey> RevokeAsync(string prefixOrId, CancellationToken cancellationToken = default)
    {
        var isId = Guid.TryParse(prefixOrId, out var id);
        var prefix = KeyText.IsOne(prefixOrId) ? KeyText.PrefixOf(prefixOrId) : prefixOrId;
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var found = await db.ApiKeys.Where(key => isId ? key.Id == id : key.Prefix == prefix).ToListAsync(cancellationToken);
        if (found.Count != 1)
            throw new ArgumentException(found.Count == 0
                ? $"There is no key '{prefix}'; give the prefix or the id that 'key list' shows."
                : $"{found.Count} keys begin with '{prefix}'; give the id that 'key list' shows.");
        found[0].RevokedAt ??= clock.GetUtcNow().UtcDateTime;
        await db.SaveChangesAsync(cancellationToken);
        return found[0];
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9._-]{0,63}\z")]
    private static partial Regex AccountName();
}
