using System.Text;
using System.Text.Json.Nodes;
using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Serving;

/// <summary>What a running service tells whoever watches it, and what it tells nobody.</summary>
[Trait("Category", "services")]
public sealed class TelemetryTests : ServiceTests
{
    private RunningProgram? _program;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Data => Folder.At("data");

    [Fact]
    public async Task Metrics_AreForAdmins_AndHoldEveryNameOfTheAlertsAndTheDashboard()
    {
        using var client = new DdpmClient(await StartAsync([]));
        var dataset = (string)(await client.PostAsync("/datasets", """{"name": "f", "source": {"kind": "builtin", "name": "faces", "count": 8}, "resolution": 16}""")).Json(202)["id"]!;
        await client.UntilEndedAsync($"/datasets/{dataset}", "succeeded");
        var run = await client.TrainAsync(dataset, "\"steps\": 3");
        await client.UntilEndedAsync($"/training-runs/{run}", "succeeded");
        var samples = (await client.PostAsync("/samples", """{"count": 2, "steps": 2}""")).Json(202);
        await client.UntilEndedAsync((string)samples["links"]!["self"]!, "succeeded");

        var (reader, admin) = (await KeyAsync("read"), await KeyAsync("admin"));
        await Eventually.BecomesTrueAsync("keys are asked for", async () => (await client.GetAsync("/metrics")).Status == 401);
        (await client.GetAsync("/metrics", ("X-Api-Key", reader))).RequireStatus(403);
        var answer = await client.GetAsync("/metrics", ("Authorization", $"Bearer {admin}"));
        answer.RequireStatus(200);

        var scrape = new Scrape(answer.Text);
        Assert.Equal(3 * 4, scrape.Value("ddpm_training_images_total"));
        Assert.Equal(2, scrape.Value("ddpm_sampling_images_total"));
        Assert.Equal(1, scrape.Value("ddpm_workers"));
        Assert.Equal(1, scrape.Value("ddpm_jobs_ended_total", ("kind", "sampling"), ("outcome", "succeeded")));
        Assert.Equal(0, scrape.Value("ddpm_jobs_failures_total", ("kind", "training"), ("reason", "unexpected")));
        Assert.True(DeployFiles.Alerts.Count >= 8 && DeployFiles.DashboardExpressions.Count >= 10);
        Assert.All(DeployFiles.Alerts.Select(rule => rule.Expr).Concat(DeployFiles.DashboardExpressions), scrape.AssertKnows);
    }

    [Fact]
    public void Alerts_AreExplained_AndTried() => Assert.All(DeployFiles.Alerts, rule =>
    {
        Assert.NotEmpty(rule.Annotations["summary"]);
        Assert.Contains($"alertname=\"{rule.Alert}\"", DeployFiles.Read("deploy/alerts.test.yml"), StringComparison.Ordinal);
        Assert.Contains($"`{rule.Alert}`", DeployFiles.Read("docs/operations.md"), StringComparison.Ordinal);
    });

    [Fact]
    public async Task Lines_OfAJob_CarryItsIds_AndNoLineCarriesAKey()
    {
        // As much as can be logged.
        var settings = new Dictionary<string, string>
        {
            ["Serilog__MinimumLevel__Default"] = "Debug",
            ["Serilog__MinimumLevel__Override__Microsoft"] = "Debug",
            ["Serilog__MinimumLevel__Override__Microsoft.AspNetCore.DataProtection"] = "Debug",
            ["Logging__Json"] = "true",
        };
        var key = await KeyAsync("admin");
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = await StartAsync(settings) };
        async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? json, string header, string value)
        {
            var request = new HttpRequestMessage(method, path) { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
            request.Headers.TryAddWithoutValidation(header, value);
            return await http.SendAsync(request, Cancel);
        }

        var posted = await SendAsync(HttpMethod.Post, $"/samples?key={key}", """{"count": 1, "steps": 2}""", "X-Api-Key", key);
        Assert.Equal(202, (int)posted.StatusCode);
        var requestId = Assert.Single(posted.Headers.GetValues("X-Request-Id"));
        var session = await SendAsync(HttpMethod.Post, "/session", $$"""{"key": "{{key}}"}""", "Accept", "*/*");
        var cookie = Assert.Single(session.Headers.GetValues("Set-Cookie")).Split(';')[0];
        Assert.Equal(200, (int)(await SendAsync(HttpMethod.Get, "/system", null, "Cookie", cookie)).StatusCode);
        Assert.Equal(400, (int)(await SendAsync(HttpMethod.Post, "/samples", $$"""{"{{key}}": "{{key}}"}""", "Authorization", $"Bearer {key}")).StatusCode);
        Assert.Equal(404, (int)(await SendAsync(HttpMethod.Get, $"/{key}", null, "Authorization", $"Bearer {key}")).StatusCode);
        Assert.Equal(401, (int)(await SendAsync(HttpMethod.Get, "/system", null, "Authorization", $"Bearer {key[..^1]}-")).StatusCode);
        var sample = (string)(await JsonNode.ParseAsync(await posted.Content.ReadAsStreamAsync(Cancel), cancellationToken: Cancel))!["links"]!["self"]!;
        await Eventually.BecomesTrueAsync("the pictures are drawn", async () =>
            (string?)JsonNode.Parse(await (await SendAsync(HttpMethod.Get, sample, null, "X-Api-Key", key)).Content.ReadAsStringAsync(Cancel))!["status"] == "succeeded");
        await Eventually.BecomesTrueAsync("the end is logged", () => _program!.Output.Contains(" succeeded.", StringComparison.Ordinal));

        var lines = _program!.Output.Split('\n').Where(line => line.StartsWith('{')).Select(line => JsonNode.Parse(line)!).ToList();
        var ofJob = lines.Where(line => ((string?)line["SourceContext"])?.StartsWith("Ddpm.Worker", StringComparison.Ordinal) == true && line["JobId"] is not null).ToList();
        Assert.True(ofJob.Count >= 3, _program!.Output);
        Assert.All(ofJob, line => Assert.Equal((requestId, 1), ((string?)line["RequestId"], (int?)line["Attempt"])));
        var job = Assert.Single(ofJob.Select(line => (string?)line["JobId"]).Distinct())!;
        Assert.All(lines.Where(line => line.ToJsonString().Contains(job, StringComparison.OrdinalIgnoreCase)), line => Assert.Equal(job, (string?)line["JobId"]));
        Assert.Contains(lines, line => (string?)line["RequestPath"] == "/samples" && (string?)line["RequestId"] == requestId && (int?)line["StatusCode"] == 202);

        // The request with the key in its path is there, under the characters by which keys are told apart.
        Assert.Contains($"/{key[..13]}***", _program!.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(key[13..^1], _program!.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(cookie.Split('=')[1], _program!.Output, StringComparison.Ordinal);
    }

    private async Task<Uri> StartAsync(Dictionary<string, string> settings)
    {
        settings["Worker__Device"] = "cpu";
        _program = Start(ServicePrograms.Cli, ["serve", "--urls", "http://127.0.0.1:0", "--data", Data], settings);
        return await _program.UntilListeningAsync();
    }

    private async Task<string> KeyAsync(string role) =>
        (await Programs.RunAsync("dotnet", [ServicePrograms.Cli, "key", "add", "--account", "local", "--role", role, "--data", Data], Folder.Path)).Split('\n')[0].Trim();
}
