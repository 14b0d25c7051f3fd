using Ddpm.Jobs.Accounts;

namespace Ddpm.Api.Keys;

/// <summary>Finds out who sent a request: by a key in a header, by the cookie of a browser that has shown one, or by its coming from this machine while there are no keys.</summary>
internal sealed class CallerLookup(KeyRing keys, SessionCookie session)
{
    // The last is what is left of the first where the server has been told to believe it.
    private static readonly string[] ProxyHeaders = ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via", "X-Original-For"];

    /// <summary>The caller, or why there is none: <c>Refused</c> where something was shown that does not count.</summary>
    public async Task<(Caller? Caller, bool Refused)> FindAsync(HttpContext context)
    {
        var stop = context.RequestAborted;
        var headers = context.Request.Headers;
        if (KeyText.Shown(headers.Authorization.FirstOrDefault(), headers["X-Api-Key"].FirstOrDefault()) is { } shown)
            return Answer(await keys.FindAsync(shown, stop), bySession: false);
        if (session.Read(context) is { } id)
            return Answer(await keys.FindAsync(id, stop), bySession: true);
        return IsOwnMachine(context) && !await keys.HasKeysAsync(stop) ? (Caller.Local, false) : (null, false);
    }

    private static (Caller? Caller, bool Refused) Answer(ApiKey? key, bool bySession) =>
        key is null ? (null, true) : (new Caller(key.Account, key.Role, key.Id) { BySession = bySession }, false);

    // Both ends are this machine's, no proxy stands between, and the name that was asked for is this machine's: a page elsewhere
    // whose own name has been pointed here says another.
    private static bool IsOwnMachine(HttpContext context) =>
        Loopback.AreEnds(context.Connection.LocalIpAddress, context.Connection.RemoteIpAddress)
        && !ProxyHeaders.Any(context.Request.Headers.ContainsKey) && Loopback.IsName(context.Request.Host.Host);
}
