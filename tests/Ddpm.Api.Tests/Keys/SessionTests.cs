using System.Net;
using Ddpm.Jobs.Accounts;

namespace Ddpm.Api.Tests.Keys;

/// <summary>A browser that has shown its key once.</summary>
public sealed class SessionTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SigningIn_GivesACookieThatNoScriptAndNoOtherSiteHas_AndThatIsNotTheKey()
    {
        var (_, key) = await host.KeyAsync("alice", ApiRole.Read);
        using var signedIn = await SignInAsync(key);
        Assert.Equal("alice", (string?)(await ApiHost.JsonAsync(signedIn, 200))["account"]);
        var cookie = signedIn.Headers.GetValues("Set-Cookie").Single();
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(key, cookie, StringComparison.Ordinal);

        using var seen = await host.GetAsync("/samples", ("Cookie", cookie.Split(';')[0]));
        Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
        using var who = await host.GetAsync("/session", ("Cookie", cookie.Split(';')[0]));
        Assert.True((bool)(await ApiHost.JsonAsync(who, 200))["bySession"]!);
    }

    [Fact]
    public async Task AWrongKey_GivesNoCookie()
    {
        await host.KeyAsync("alice", ApiRole.Read);
        using var refused = await SignInAsync("ddpm_wrong");
        await ApiHost.ProblemAsync(refused, 401);
        Assert.False(refused.Headers.Contains("Set-Cookie"));
        using var forged = await host.GetAsync("/samples", ("Cookie", "ddpm-session=CfDJ8AAAA"));
        await ApiHost.ProblemAsync(forged, 401);
    }

    [Fact]
    public async Task ACookie_ChangesThings_ForOurOwnPageOnly()
    {
        var (_, key) = await host.KeyAsync("alice", ApiRole.Submit);
        using var signedIn = await SignInAsync(key);
        var cookie = ("Cookie", signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        foreach (var header in new (string, string)[] { ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"), ("Origin", "http://localhost:3000"), ("Origin", "null"), ("X-Nothing", "1") })
        {
            using var refused = await host.PostAsync("/datasets", "{}", cookie, header);
            await ApiHost.ProblemAsync(refused, 403);
        }

        foreach (var header in new (string, string)[] { ("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost") })
        {
            using var accepted = await host.PostAsync("/datasets", """{"name": "f", "source": {"kind": "builtin", "name": "faces", "count": 2}}""", cookie, header);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        }
    }

    [Fact]
    public async Task ASession_EndsWithItsKey_AndBySigningOut()
    {
        var (_, key) = await host.KeyAsync("alice", ApiRole.Read);
        using var signedIn = await SignInAsync(key);
        var cookie = ("Cookie", signedIn.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
        using var signedOut = await host.SendAsync(HttpMethod.Delete, "/session", null, cookie, ("Sec-Fetch-Site", "same-origin"));
        Assert.Contains("expires=Thu, 01 Jan 1970", signedOut.Headers.GetValues("Set-Cookie").Single(), StringComparison.Ordinal);

        await host.Services.GetRequiredService<ApiKeyStore>().RevokeAsync(key, Cancel);
        await Task.Delay(TimeSpan.FromSeconds(2.1), Cancel);
        using var refused = await host.GetAsync("/samples", cookie);
        await ApiHost.ProblemAsync(refused, 401);
    }

    private Task<HttpResponseMessage> SignInAsync(string key) => host.PostAsync("/session", $$"""{"key": "{{key}}"}""", ("Sec-Fetch-Site", "same-origin"));
}
