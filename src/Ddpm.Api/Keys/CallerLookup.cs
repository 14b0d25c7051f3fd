using System.Net;
using Ddpm.Jobs.Accounts;

namespace Ddpm.Api.Keys;

/// <summary>Finds out who sent a request: by a key in a header, by the cookie of a browser that has shown one, or by its coming from this machine while there are no keys.</summary>
internal sealed class CallerLookup(KeyRing keys, SessionCookie session)
{
    private const string Bearer = "Bearer ";

    // The last is what is left of the first where the server has been told to believe it.
    private static readonly string[] ProxyHeaders = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "X-Original-For"];

    /// <summary>The caller, or why there is none: <c>Refused</c> where something was shown that does not count.</summary>
    public async Task<(Caller? Caller, bool Refused)> FindAsync(HttpContext context)
    {
        var stop = context.RequestAborted;
        if (ShownKey(context.Request) is { } shown)
            return Answer(await keys.FindAsync(shown, stop), bySession: false);
        if (session.Read(context) is { } id)
            return Answer(await keys.FindAsync(id, stop), bySession: true);
        return IsOwnMachine(context) && !await keys.HasKeysAsync(stop) ? (Caller.Local, false) : (null, false);
    }

    /// <returns>The key in <c>Authorization</c> or <c>X-Api-Key</c>; null where there is none. A query string would end up in logs and histories.</returns>
    private static string? ShownKey(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ Length: > 0 } authorization, ..])
            return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim() : "";
        return request.Headers["X-Api-Key"] is [{ Length: > 0 } key, ..] ? key.Trim() : null;
    }

    private static (Caller? Caller, bool Refused) Answer(ApiKey? key, bool bySession) =>
        key is null ? (null, true) : (new Caller(key.Account, key.Role, key.Id) { BySession = bySession }, false);

    // Both ends are this machine's, no proxy stands between, and the name that was asked for is this machine's: a page elsewhere
    // whose own name has been pointed here says another.
    private static bool IsOwnMachine(HttpContext context) =>
        IsLoopback(context.Connection.RemoteIpAddress) && IsLoopback(context.Connection.LocalIpAddress)
        && !ProxyHeaders.Any(context.Request.Headers.ContainsKey) && Loopback.IsName(context.Request.Host.Host);

    private static bool IsLoopback(IPAddress? address) => address is not null && IPAddress.IsLoopback(address);
}
