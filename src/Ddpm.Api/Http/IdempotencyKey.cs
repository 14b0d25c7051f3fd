using Ddpm.Api.Keys;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Http;

/// <summary>The request's <c>Idempotency-Key</c>, if it has one: the same key and body make one resource however often they are sent.</summary>
internal sealed class IdempotencyKey
{
    private const int LongestKey = 255;

    private readonly string? _key;
    private readonly string _scope;

    private IdempotencyKey(string? key, string scope) => (_key, _scope) = (key, scope);

    public static ValueTask<IdempotencyKey> BindAsync(HttpContext context)
    {
        var header = context.Request.Headers["Idempotency-Key"];
        // A key counts for its sender: others may have chosen the same.
        var sender = Caller.Of(context).Account;
        var scope = $"{(sender == Account.Local ? "" : $"{sender} ")}{context.Request.Method} {context.Request.Path}";
        if (header.Count == 0)
            return new(new IdempotencyKey(null, scope));
        if (header is not [{ Length: > 0 and <= LongestKey } key] || key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new RequestProblem(
                StatusCodes.Status400BadRequest, "Bad Idempotency-Key", $"Idempotency-Key must be one value of 1 to {LongestKey} ASCII characters without spaces.");
        return new(new IdempotencyKey(key, scope));
    }

    /// <returns>Id (last part of the location) of what this key and body made before; null where the key is new, or there is none.</returns>
    /// <exception cref="RequestProblem">The key came with another body before.</exception>
    public async Task<string?> FindAsync(string bodySha256, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (_key is null)
            return null;
        var record = await db.IdempotencyRecords.AsNoTracking().SingleOrDefaultAsync(r => r.Scope == _scope && r.Key == _key, cancellationToken);
        if (record is null)
            return null;
        if (record.BodySha256 != bodySha256)
            throw new RequestProblem(
                StatusCodes.Status422UnprocessableEntity,
                "The Idempotency-Key was used before",
                $"The key '{_key}' came with another body on {record.CreatedAt:u}. Use a new key for a new request.");
        return record.Location[(record.Location.LastIndexOf('/') + 1)..];
    }

    /// <summary>Saves what the context tracks together with the use of the key.</summary>
    /// <returns>Null where it was saved; where a request with the same key was faster, the id that one made: nothing was saved then, and an open transaction was rolled back.</returns>
    public async Task<string?> SaveAsync(string bodySha256, string location, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (_key is not null)
            db.IdempotencyRecords.Add(new()
            {
                Scope = _scope,
                Key = _key,
                BodySha256 = bodySha256,
                Location = location,
                CreatedAt = DateTime.UtcNow,
            });
        try
        {
            await db.SaveChangesAsync(cancellationToken);
            return null;
        }
        catch (DbUpdateException) when (_key is not null)
        {
            db.ChangeTracker.Clear();
            if (db.Database.CurrentTransaction is { } failed) // PostgreSQL answers nothing more in it
                await failed.RollbackAsync(cancellationToken);
            if (await FindAsync(bodySha256, db, cancellationToken) is { } earlier)
                return earlier;
            throw;
        }
    }
}
