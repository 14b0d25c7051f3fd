using Ddpm.Api.Http;
using Ddpm.Jobs.Storage;

namespace Ddpm.Api.Keys;

/// <summary>What may be seen may not always be changed: what is shared is everybody's to use and nobody's to move.</summary>
internal static class Ownership
{
    /// <exception cref="RequestProblem">It is not the caller's.</exception>
    public static void RequireOwn(this DdpmDbContext db, string account)
    {
        if (db.OnlyAccount is { } own && own != account)
            throw new RequestProblem(StatusCodes.Status403Forbidden, "Not allowed", $"It is {account}, for everybody to use; changing it needs a key with the role {Roles.Admin}.");
    }
}
