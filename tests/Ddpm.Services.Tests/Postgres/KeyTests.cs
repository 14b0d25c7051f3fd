using System.Diagnostics;
using System.Text.Json.Nodes;
using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>Keys, as an operator makes them, between processes that share nothing but the database.</summary>
[Trait("Category", "services")]
public sealed class KeyTests(PostgresFixture postgres) : ServiceTests
{
    private const string Network = "http://0.0.0.0:0";

    [Fact]
    public async Task AServerOnTheNetwork_StartsOnceThereIsAKey_AndEveryProcessKnowsWhoCalls()
    {
        var database = await postgres.NameDatabaseAsync();
        var settings = SplitService.Settings(Folder, database);
        settings["ASPNETCORE_URLS"] = Network;

        // Without a key it says in one sentence what to do, and ends.
        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => Programs.RunAsync(
            "env", [.. settings.Select(setting => $"{setting.Key}={setting.Value}"), "timeout", "60", "dotnet", ServicePrograms.Api], Folder.Path));
        Assert.Contains("ended with 1", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("ddpm key add", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("listening", refusal.Message, StringComparison.Ordinal);

        // Made by either program: a container of the API has only the one.
        var alice = await KeyAsync(ServicePrograms.Api, database, "alice", "submit");
        var bob = await KeyAsync(ServicePrograms.Cli, database, "bob", "submit");
        var clients = new List<DdpmClient>();
        for (var i = 0; i < 2; i++)
            clients.Add(new DdpmClient(Reachable(await Start(ServicePrograms.Api, [], settings).UntilListeningAsync())));
        try
        {
            (await clients[0].GetAsync("/system")).RequireStatus(401);
            (await clients[0].GetAsync("/healthz/ready")).RequireStatus(200);
            var made = (await clients[0].PostAsync(
                "/datasets", """{"name": "f", "source": {"kind": "builtin", "name": "faces", "count": 4}, "resolution": 16}""", Show(alice))).Json(202);
            foreach (var client in clients)
            {
                (await client.GetAsync($"/datasets/{made["id"]}", Show(alice))).RequireStatus(200);
                (await client.GetAsync($"/datasets/{made["id"]}", Show(bob))).RequireStatus(404);
            }

            // Revoked by a third process: both refuse it within seconds.
            await RunAsync(ServicePrograms.Cli, "key", "revoke", alice[..13], "--database", database);
            foreach (var client in clients)
            {
                var clock = Stopwatch.StartNew();
                await Eventually.BecomesTrueAsync("the key is refused", async () => (await client.GetAsync("/system", Show(alice))).Status == 401, TimeSpan.FromSeconds(30));
                Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
                (await client.GetAsync("/system", Show(bob))).RequireStatus(200);
            }

            var listed = JsonNode.Parse(await RunAsync(ServicePrograms.Api, "key", "list", "--json", "--database", database))!.AsArray();
            Assert.Equal([("alice", "revoked"), ("bob", "active")], listed.Select(key => ((string)key!["account"]!, (string)key["status"]!)));
            Assert.All(listed, key => Assert.NotNull(key!["lastUsedAt"]));
            Assert.DoesNotContain(bob, listed.ToJsonString(), StringComparison.Ordinal);
        }
        finally
        {
            clients.ForEach(client => client.Dispose());
        }
    }

    private static (string, string) Show(string key) => ("Authorization", $"Bearer {key}");

    private static Uri Reachable(Uri address) => new UriBuilder(address) { Host = "127.0.0.1" }.Uri;

    private async Task<string> KeyAsync(string program, string database, string account, string role) =>
        (string)JsonNode.Parse(await RunAsync(program, "key", "add", "--account", account, "--role", role, "--json", "--database", database))!["key"]!;

    private Task<string> RunAsync(string program, params string[] arguments) => Programs.RunAsync("timeout", ["120", "dotnet", program, .. arguments], Folder.Path);
}
