using System.Net;
using Ddpm.Jobs.Accounts;
using Ddpm.TestSupport;

namespace Ddpm.Api.Tests.Keys;

/// <summary>What lets somebody in, and for how long.</summary>
public sealed class KeyTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ApiKeyStore Store => host.Services.GetRequiredService<ApiKeyStore>();

    [Fact]
    public async Task AKey_CountsInBothHeaders_AndNowhereElse()
    {
        var (_, key) = await host.KeyAsync("alice", ApiRole.Read);
        using var bearer = await host.GetAsync("/samples", ("Authorization", $"Bearer {key}"));
        Assert.Equal(HttpStatusCode.OK, bearer.StatusCode);
        using var header = await host.GetAsync("/samples", ("X-Api-Key", key));
        Assert.Equal(HttpStatusCode.OK, header.StatusCode);
        foreach (var query in new[] { "api_key", "apiKey", "key", "access_token", "X-Api-Key" })
        {
            using var refused = await host.GetAsync($"/samples?{query}={key}");
            await ApiHost.ProblemAsync(refused, 401);
        }
    }

    [Fact]
    public async Task AKeyThatWasMadeAMomentAgo_CountsAtOnce()
    {
        for (var i = 0; i < 5; i++)
        {
            var key = await host.KeyAsync("alice", ApiRole.Read);
            using var response = await host.GetAsync("/samples", key);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
    }

    [Theory]
    [InlineData("Bearer wrong")]
    [InlineData("Bearer ")]
    [InlineData("Basic bWU6bWU=")]
    [InlineData("Bearer ddpm_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task AWrongKey_IsRefused_AndSoNamed(string authorization)
    {
        await host.KeyAsync("alice", ApiRole.Read);
        using var response = await host.GetAsync("/samples", ("Authorization", authorization));
        var problem = await ApiHost.ProblemAsync(response, 401);
        Assert.Equal("The key is not accepted", (string?)problem["title"]);
        Assert.Contains("invalid_token", response.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ARevokedKey_IsRefused_WithinSeconds()
    {
        var (name, key) = await host.KeyAsync("alice", ApiRole.Submit);
        using var before = await host.GetAsync("/samples", (name, key));
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        await Store.RevokeAsync(KeyText.PrefixOf(key), Cancel);
        await RefusedSoonAsync((name, key));
    }

    [Fact]
    public async Task AKey_EndsWhenItsTimeIsUp()
    {
        var key = await host.KeyAsync("alice", ApiRole.Submit, TimeSpan.FromSeconds(8));
        using var before = await host.GetAsync("/samples", key);
        Assert.Equal(HttpStatusCode.OK, before.StatusCode);
        await RefusedSoonAsync(key);
    }

    [Fact]
    public async Task OnlyTheHash_IsKept_AndWhenItWasUsed()
    {
        var (_, key) = await host.KeyAsync("alice", ApiRole.Read);
        using var response = await host.GetAsync("/samples", ("X-Api-Key", key));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var row = (await Store.ListAsync(Cancel)).Single(row => row.Prefix == KeyText.PrefixOf(key));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(key))), row.Sha256);
        Assert.InRange(DateTime.UtcNow - row.LastUsedAt!.Value, TimeSpan.Zero, TimeSpan.FromMinutes(1));
        Assert.DoesNotContain(key[KeyText.PrefixOf(key).Length..], System.Text.Json.JsonSerializer.Serialize(row), StringComparison.Ordinal);

        // Written down at most every few minutes.
        using var again = await host.GetAsync("/samples", ("X-Api-Key", key));
        Assert.Equal(row.LastUsedAt, (await Store.ListAsync(Cancel)).Single(other => other.Id == row.Id).LastUsedAt);
    }

    [Theory, InlineData("Alice"), InlineData(""), InlineData("a b"), InlineData("shared"), InlineData("../x")]
    public async Task AnAccount_MustHaveAPlainName(string account) =>
        await Assert.ThrowsAsync<ArgumentException>(() => Store.AddAsync(account, ApiRole.Read, null, Cancel));

    [Fact]
    public async Task WithoutAnyKey_OnlyThisMachineIsLetIn_ByItsOwnName()
    {
        using var fresh = new ApiHost();
        using var local = await fresh.GetAsync("/samples");
        Assert.Equal(HttpStatusCode.OK, local.StatusCode);
        foreach (var header in new[] { ("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=192.0.2.7"), ("X-Real-IP", "192.0.2.7"), ("Via", "1.1 proxy"), ("X-Original-For", "127.0.0.1:1"), ("Host", "attacker.example"), ("Host", "attacker.example:5080"), ("Host", "localhost.attacker.example") })
        {
            using var refused = await fresh.GetAsync("/samples", header);
            await ApiHost.ProblemAsync(refused, 401);
        }

        foreach (var name in new[] { "127.0.0.1:5080", "localhost:5080", "[::1]:5080" })
        {
            using var accepted = await fresh.GetAsync("/samples", ("Host", name));
            Assert.Equal(HttpStatusCode.OK, accepted.StatusCode);
        }
    }

    [Fact]
    public async Task OnceAKeyWasMade_NobodyIsLetInWithoutOne_AlsoAfterItHasBeenRevoked()
    {
        using var fresh = new ApiHost();
        var (_, key) = await fresh.KeyAsync("alice", ApiRole.Admin);
        await fresh.Services.GetRequiredService<ApiKeyStore>().RevokeAsync(key, Cancel);
        using var refused = await fresh.GetAsync("/samples");
        await ApiHost.ProblemAsync(refused, 401);
    }

    [Fact]
    public async Task Health_AsksNobodyWhoTheyAre()
    {
        using var response = await host.GetAsync("/healthz/ready", ("X-Api-Key", "wrong"), ("X-Forwarded-For", "192.0.2.7"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private Task RefusedSoonAsync((string Name, string Value) key) => Eventually.BecomesTrueAsync(
        "the key is refused",
        async () =>
        {
            using var response = await host.GetAsync("/samples", key);
            return response.StatusCode == HttpStatusCode.Unauthorized;
        },
        TimeSpan.FromSeconds(20));
}
