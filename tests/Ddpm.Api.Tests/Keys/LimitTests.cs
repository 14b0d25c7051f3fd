using System.IO.Pipelines;
using System.Net;
using System.Text;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;
using Microsoft.AspNetCore.Mvc.Testing;

namespace Ddpm.Api.Tests.Keys;

/// <summary>How often one may ask, and what answers say to browsers.</summary>
public sealed class LimitTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AKeyThatAsksTooOften_IsToldWhenToComeBack_AndOthersAreNot()
    {
        var (alice, bob) = (await host.KeyAsync("alice", ApiRole.Read), await host.KeyAsync("bob", ApiRole.Read));
        using var limited = host.With(("RateLimits:RequestsPerSecond", "1"), ("RateLimits:Burst", "5"));
        var answers = await AskAsync(limited, 8, alice);
        Assert.Equal(5, answers.Count(answer => answer.StatusCode == HttpStatusCode.OK));
        using var refused = answers.Last(answer => answer.StatusCode == HttpStatusCode.TooManyRequests);
        await ApiHost.ProblemAsync(refused, 429);
        Assert.True(refused.Headers.RetryAfter?.Delta >= TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(limited, 1, bob)).Single().StatusCode);
    }

    [Fact]
    public async Task AnAddressThatTriesKeys_IsHeldBack_AndAKeyThatCountsIsNot()
    {
        var alice = await host.KeyAsync("alice", ApiRole.Read);
        using var limited = host.With(("RateLimits:AnonymousRequestsPerSecond", "1"), ("RateLimits:AnonymousBurst", "3"));
        var answers = await AskAsync(limited, 6, ("X-Api-Key", "wrong"));
        Assert.Equal(3, answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized));
        Assert.Equal(3, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(limited, 1, alice)).Single().StatusCode);
        Assert.All(await AskAsync(limited, 10, ("X-Api-Key", "wrong"), "/healthz/live"), answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));
    }

    [Fact]
    public async Task Streams_AreLimited_ForEachKey()
    {
        var admin = await host.KeyAsync("root", ApiRole.Admin);
        var samples = await host.SamplesAsync(await host.CheckpointAsync(), JobStatus.Running);
        using var limited = host.With(("RateLimits:Streams", "2"));
        var answers = await AskAsync(limited, 3, admin, $"/samples/{samples}/events");
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests], answers.Select(answer => answer.StatusCode));
        answers[0].Dispose(); // one leaves, and another may come
        await Eventually.BecomesTrueAsync("another stream is let in", async () => (await AskAsync(limited, 1, admin, $"/samples/{samples}/events")).Single().StatusCode == HttpStatusCode.OK);
    }

    [Fact]
    public async Task RequestsInProgress_AreLimited_ForEachKey()
    {
        var (alice, bob) = (await host.KeyAsync("alice", ApiRole.Submit), await host.KeyAsync("bob", ApiRole.Read));
        using var limited = host.With(("RateLimits:AtOnce", "2"));
        using var client = limited.Server.CreateClient(); // one that follows redirects would wait for all of a body before it sends any
        List<HeldRequest> held = [];
        await Eventually.BecomesTrueAsync("a third is refused", async () =>
        {
            held.Add(new HeldRequest(client, alice)); // again and again, for the question may have come before it and have had it refused
            return (await AskAsync(limited, 1, alice)).Single().StatusCode == HttpStatusCode.TooManyRequests;
        });
        using var refused = (await AskAsync(limited, 1, alice)).Single();
        Assert.Contains("RateLimits", (string?)(await ApiHost.ProblemAsync(refused, 429))["detail"], StringComparison.Ordinal);
        Assert.Equal([HttpStatusCode.OK], (await AskAsync(limited, 1, bob)).Select(answer => answer.StatusCode));
        held.ForEach(request => request.Dispose());
        await Eventually.BecomesTrueAsync("others are let in", async () => (await AskAsync(limited, 1, alice)).Single().StatusCode == HttpStatusCode.OK);
    }

    [Fact]
    public async Task LargeBodies_AreLimited_ForEachKey()
    {
        var alice = await host.KeyAsync("alice", ApiRole.Submit);
        using var limited = host.With(("RateLimits:LargeBodies", "1"));
        using var client = limited.Server.CreateClient(); // one that follows redirects would wait for all of a body before it sends any
        List<HeldRequest> held = [];
        await Eventually.BecomesTrueAsync("a second large one is refused", async () =>
        {
            held.Add(new HeldRequest(client, alice));
            return await PostAsync(100_000) == HttpStatusCode.TooManyRequests;
        });
        Assert.Equal(HttpStatusCode.BadRequest, await PostAsync(1000));
        held.ForEach(request => request.Dispose());

        async Task<HttpStatusCode> PostAsync(int spaces)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/samples") { Content = new StringContent($$"""{"count": 0{{new string(' ', spaces)}}}""", Encoding.UTF8, "application/json") };
            request.Headers.Add(alice.Name, alice.Value);
            using var response = await client.SendAsync(request, Cancel);
            return response.StatusCode;
        }
    }

    [Fact]
    public async Task AnAnswerThatTakesTooLong_IsGivenUp_AndSaysWhenToAskAgain()
    {
        var (name, key) = await host.KeyAsync("alice", ApiRole.Submit);
        using var limited = host.With(("RateLimits:LongestAnswer", "00:00:01"));
        using var client = limited.CreateClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/datasets")
        {
            Content = new StringContent("""{"source": {"kind": "builtin", "name": "faces", "count": 4}, "resolution": 16}""", Encoding.UTF8, "application/json"),
            Headers = { { name, key }, { "Prefer", "wait=30" } }, // no worker will build it
        };
        using var late = await client.SendAsync(request, Cancel);
        await ApiHost.ProblemAsync(late, 503);
        Assert.Equal(TimeSpan.FromSeconds(5), late.Headers.RetryAfter?.Delta);
    }

    [Fact]
    public async Task AStream_EndsWithItsKey()
    {
        var (name, key) = await host.KeyAsync("root", ApiRole.Admin);
        var samples = await host.SamplesAsync(await host.CheckpointAsync(), JobStatus.Running);
        using var events = await host.GetAsync($"/samples/{samples}/events", (name, key));
        Assert.Equal(HttpStatusCode.OK, events.StatusCode);
        await host.Services.GetRequiredService<ApiKeyStore>().RevokeAsync(key, Cancel);
        await events.Content.ReadAsByteArrayAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(20), Cancel);
    }

    [Theory, InlineData("/"), InlineData("/swagger/index.html"), InlineData("/samples"), InlineData("/nothing"), InlineData("/healthz/live")]
    public async Task EveryAnswer_TellsBrowsersWhatNotToDo(string path)
    {
        using var response = await host.GetAsync(path);
        foreach (var (name, value) in new[] { ("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer"), ("Content-Security-Policy", "frame-ancestors 'none'"), ("Permissions-Policy", "camera=()"), ("Cross-Origin-Resource-Policy", "same-origin") })
            Assert.Contains(value, response.Headers.GetValues(name).Single(), StringComparison.Ordinal);
        Assert.False(response.Headers.Contains("Server"));
        Assert.False(response.Headers.Contains("Strict-Transport-Security"));
    }

    [Fact]
    public async Task OverHttps_BrowsersAreToldToStayThere()
    {
        using var secure = host.CreateClient(new() { BaseAddress = new("https://localhost") });
        using var response = await secure.GetAsync(new Uri("/healthz/live", UriKind.Relative), Cancel);
        Assert.Contains("max-age", response.Headers.GetValues("Strict-Transport-Security").Single(), StringComparison.Ordinal);
    }

    private static async Task<List<HttpResponseMessage>> AskAsync(WebApplicationFactory<Program> server, int times, (string Name, string Value) key, string path = "/samples")
    {
        var client = server.CreateClient();
        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < times; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.TryAddWithoutValidation(key.Name, key.Value);
            answers.Add(await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancel));
        }

        return answers;
    }

    /// <summary>A request whose body does not end until it is disposed of.</summary>
    private sealed class HeldRequest : IDisposable
    {
        private readonly Pipe _body = new();
        private readonly CancellationTokenSource _end = new();

        public HeldRequest(HttpClient client, (string Name, string Value) key)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/samples") { Content = new StreamContent(_body.Reader.AsStream()) };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.Add(key.Name, key.Value);
            _ = client.SendAsync(request, _end.Token);
        }

        public void Dispose()
        {
            _end.Cancel();
            _body.Writer.Complete();
            _end.Dispose();
        }
    }
}
