using System.ComponentModel.DataAnnotations;
using Ddpm.Api.Http;
using Ddpm.Jobs.Accounts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Ddpm.Api.Keys;

/// <summary>Signing in and out of the page.</summary>
internal static class SessionEndpoints
{
    public static void MapSession(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/session").ExcludeFromDescription(); // of the page: programs send their key
        group.MapGet("/", (Caller caller) => TypedResults.Ok(new SessionView(caller.Account, Roles.Name(caller.Role), caller.BySession))).RequireAuthorization(Roles.Read);
        group.MapPost("/", SignInAsync).AllowAnonymous();
        group.MapDelete("/", SignOut).AllowAnonymous();
    }

    private static async Task<Results<Ok<SessionView>, ProblemHttpResult>> SignInAsync(
        JsonBody<SignIn> body, HttpContext context, KeyRing keys, SessionCookie session, CancellationToken cancellationToken)
    {
        if (await keys.FindAsync(body.Value.Key.Trim(), cancellationToken) is not { } key)
            return Problems.Of(StatusCodes.Status401Unauthorized, "The key is not accepted", "It is unknown, has expired or was revoked.");
        session.Give(context, key.Id);
        return TypedResults.Ok(new SessionView(key.Account, Roles.Name(key.Role), true));
    }

    private static NoContent SignOut(HttpContext context)
    {
        SessionCookie.Take(context);
        context.Response.Headers["Clear-Site-Data"] = "\"cache\""; // whoever signs in next at this browser may see less
        return TypedResults.NoContent();
    }
}

/// <summary>A key, shown once by a browser.</summary>
[BodyLimit(4096)]
internal sealed record SignIn
{
    /// <summary>The key.</summary>
    [StringLength(1024, MinimumLength = 1)]
    public required string Key { get; init; }
}

/// <summary>Who is signed in.</summary>
/// <param name="Account">Whose things are shown.</param>
/// <param name="Role">read, submit or admin.</param>
/// <param name="BySession">Whether by a cookie, which signing out takes away.</param>
internal sealed record SessionView(string Account, string Role, bool BySession);
