using System.Security.Claims;
using System.Text.Encodings.Web;
using Ddpm.Api.Http;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Keys;

/// <summary>Lets in whoever <see cref="CallerLookup"/> finds, and says to others what is missing.</summary>
internal sealed class KeyHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder, CallerLookup callers)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "Key";

    private bool _refused;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // What is open to everybody asks no database who calls: health must be told while that is away.
        if (Context.GetEndpoint()?.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            return AuthenticateResult.NoResult();
        (var caller, _refused) = await callers.FindAsync(Context);
        if (caller is null)
            return _refused ? AuthenticateResult.Fail("The key is not accepted.") : AuthenticateResult.NoResult();
        Context.Features.Set(caller with { RequestId = RequestIds.Of(Context) });
        var identity = new ClaimsIdentity(
            [new Claim(ClaimTypes.Name, caller.Account), new Claim(ClaimTypes.Role, Roles.Name(caller.Role)), new Claim("key", $"{caller.KeyId}")], SchemeName);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        await HandleAuthenticateOnceSafeAsync();
        Response.Headers.WWWAuthenticate = _refused ? "Bearer realm=\"ddpm\", error=\"invalid_token\"" : "Bearer realm=\"ddpm\"";
        await Problems.Of(
            StatusCodes.Status401Unauthorized,
            _refused ? "The key is not accepted" : "A key is needed",
            _refused
                ? "It is unknown, has expired or was revoked. Ask whoever runs this server for another."
                : "Send 'Authorization: Bearer KEY' or 'X-Api-Key: KEY' (with curl: -H \"X-Api-Key: $KEY\"), or sign in on the page at /. Whoever runs this server makes keys with 'ddpm key add'.")
            .ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var (needed, caller) = (Roles.NeededFor(Context.GetEndpoint()) ?? Jobs.Accounts.ApiRole.Read, Caller.Find(Context));
        return Problems.Of(
            StatusCodes.Status403Forbidden,
            "Not allowed",
            $"This needs a key with the role {Roles.Name(needed)}; yours has the role {Roles.Name(caller?.Role ?? Jobs.Accounts.ApiRole.Read)}.").ExecuteAsync(Context);
    }
}
