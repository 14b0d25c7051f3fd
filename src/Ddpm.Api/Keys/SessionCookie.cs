using Microsoft.AspNetCore.DataProtection;

namespace Ddpm.Api.Keys;

/// <summary>What a browser carries that has shown a key once: a sealed note of the key's id, for half a day. Pictures, events and the dashboard are loaded with nothing else.</summary>
internal sealed class SessionCookie(IDataProtectionProvider protection)
{
    public const string Name = "ddpm-session";

    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    private readonly ITimeLimitedDataProtector _seal = protection.CreateProtector("Ddpm.Session").ToTimeLimitedDataProtector();

    public void Give(HttpContext context, Guid keyId) => context.Response.Cookies.Append(Name, _seal.Protect($"{keyId}", Lifetime), Options(context));

    public static void Take(HttpContext context) => context.Response.Cookies.Delete(Name, Options(context));

    /// <returns>The id of the key that was shown; null where there is no cookie, or none of ours that still counts.</returns>
    public Guid? Read(HttpContext context)
    {
        if (context.Request.Cookies[Name] is not { Length: > 0 } cookie)
            return null;
        try
        {
            return Guid.TryParse(_seal.Unprotect(cookie), out var id) ? id : null;
        }
        catch (System.Security.Cryptography.CryptographicException)
        {
            return null;
        }
    }

    // Without Expires: it ends with the browser at the latest. Strict: no other site's link or form carries it.
    private static CookieOptions Options(HttpContext context) => new()
    {
        HttpOnly = true,
        SameSite = SameSiteMode.Strict,
        Secure = context.Request.IsHttps,
        IsEssential = true,
        Path = "/",
    };
}
