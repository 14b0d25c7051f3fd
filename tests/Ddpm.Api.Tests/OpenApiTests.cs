using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;
using Microsoft.OpenApi;

namespace Ddpm.Api.Tests;

public sealed class OpenApiTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Document_IsValid()
    {
        using var text = new MemoryStream(Encoding.UTF8.GetBytes((await host.GetJsonAsync("/openapi/v1.json")).ToJsonString()));
        var (document, diagnostic) = await OpenApiDocument.LoadAsync(text, "json", cancellationToken: Cancel);
        Assert.Empty(diagnostic!.Errors);
        Assert.Empty(diagnostic.Warnings);
        Assert.NotEmpty(document!.Paths);
    }

    [Fact]
    public async Task Document_SaysWhatEveryOperationDoes_WithExamplesAndAnswers()
    {
        foreach (var (name, operation) in await OperationsAsync())
        {
            Assert.False(string.IsNullOrEmpty((string?)operation["summary"]), name);
            Assert.False(string.IsNullOrEmpty((string?)operation["description"]), name);
            Assert.NotNull(operation["operationId"]);
            Assert.Contains(operation["responses"]!.AsObject(), response => response.Key.StartsWith('2'));
            foreach (var parameter in (operation["parameters"]?.AsArray() ?? []).Where(parameter => (string?)parameter!["in"] == "path"))
                Assert.True(parameter!["example"] is not null, name);
            if (operation["requestBody"]?["content"]?["application/json"] is { } body)
                Assert.True(body["example"] is not null && body["schema"] is not null, name);
            foreach (var (status, response) in operation["responses"]!.AsObject().Where(response => response.Key.StartsWith('4')))
                Assert.True(response!["content"]?["application/problem+json"]?["schema"] is not null, $"{name} {status}");
        }
    }

    [Fact]
    public async Task Document_GivesRangesAndDefaults()
    {
        var schemas = (await host.GetJsonAsync("/openapi/v1.json"))["components"]!["schemas"]!;
        var epochs = schemas["OptimizationSpec"]!["properties"]!["epochs"]!;
        Assert.Equal((1, 100_000, 50), ((int)epochs["minimum"]!, (int)epochs["maximum"]!, (int)epochs["default"]!));
        Assert.Contains("Passes over the dataset", (string?)epochs["description"], StringComparison.Ordinal);
        Assert.Equal(["ddpm", "ddim", "dpmsolver++", "sde-dpmsolver++", "euler", "heun", "unipc"], schemas["CreateSamples"]!["properties"]!["sampler"]!["enum"]!.AsArray().Select(name => (string?)name).OfType<string>());
        var evaluation = schemas["CreateEvaluation"]!;
        Assert.Equal((128, 50, null), ((int)evaluation["properties"]!["images"]!["default"]!, (int)evaluation["properties"]!["terms"]!["default"]!, evaluation["properties"]!["datasetId"]!["default"]));
        Assert.Equal(["datasetId"], schemas["CreateTrainingRun"]!["required"]!.AsArray().Select(name => (string?)name));
    }

    [Fact]
    public async Task Examples_WorkAsTheyAre()
    {
        using var alone = new ApiHost();
        var dataset = await alone.DatasetAsync();
        var ended = await alone.RunAsync(JobStatus.Cancelled, dataset);
        await alone.Artifacts.WriteAsync($"training-runs/{ended}/p.png", FakeWorker.Png, Cancel);
        await alone.AddAsync(new TrainingPreview { TrainingRunId = ended, Step = 7, Epoch = 1, ArtifactKey = $"training-runs/{ended}/p.png", At = DateTime.UtcNow });
        await using (var db = alone.Database())
            await db.TrainingRuns.ExecuteUpdateAsync(run => run.SetProperty(r => r.LossCurveKey, $"training-runs/{ended}/p.png"), Cancel);
        await alone.ModelAsync("faces-32");
        var checkpoint = await alone.CheckpointAsync();
        await alone.SamplesAsync(checkpoint);
        await alone.EvaluationAsync(checkpoint, dataset);

        // Reading first, then making, then what ends or deletes: each kind finds what it needs. The document is read before anything changes.
        var operations = await OperationsAsync(alone);
        foreach (var (name, operation) in operations.OrderBy(pair => Order(pair.Name)))
        {
            var (method, path) = (name.Split(' ')[0], name.Split(' ')[1]);
            foreach (var parameter in (operation["parameters"]?.AsArray() ?? []).Where(parameter => (string?)parameter!["in"] == "path"))
                path = path.Replace($"{{{parameter!["name"]}}}", parameter["example"]!.ToString(), StringComparison.Ordinal);
            using var response = await alone.SendAsync(new HttpMethod(method), path, operation["requestBody"]?["content"]?["application/json"]?["example"]?.ToJsonString());
            var allowed = name is "POST /samples/{id}/cancel" or "POST /evaluations/{id}/cancel" or "POST /training-runs/{id}/cancel" || name.StartsWith("DELETE", StringComparison.Ordinal)
                ? new[] { HttpStatusCode.OK, HttpStatusCode.NoContent, HttpStatusCode.Conflict, HttpStatusCode.NotFound }
                : [HttpStatusCode.OK, HttpStatusCode.Created, HttpStatusCode.Accepted];
            var text = response.Content.Headers.ContentType?.MediaType == "text/event-stream" ? "" : await response.Content.ReadAsStringAsync(Cancel);
            Assert.True(allowed.Contains(response.StatusCode), $"{name}: {response.StatusCode} {text}");
        }
    }

    [Theory]
    [InlineData("/swagger/index.html", "text/html")]
    [InlineData("/", "text/html")]
    [InlineData("/app.js", "text/javascript")]
    [InlineData("/app.css", "text/css")]
    [InlineData("/favicon.svg", "image/svg+xml")]
    [InlineData("/healthz/live", "application/json")]
    [InlineData("/healthz/ready", "application/json")]
    public async Task Pages_AreServed(string path, string contentType)
    {
        using var response = await host.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(contentType, response.Content.Headers.ContentType?.MediaType);
        Assert.NotEmpty(await response.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal("nosniff", response.Headers.GetValues("X-Content-Type-Options").Single());
    }

    [Fact]
    public async Task Page_LoadsNothingFromElsewhere()
    {
        using var response = await host.GetAsync("/");
        Assert.Contains("default-src 'self'", response.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
        foreach (var path in new[] { "/", "/app.css", "/app.js" })
        {
            using var file = await host.GetAsync(path);
            Assert.DoesNotContain("https://", await file.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Dashboard_IsRefused_WhenTheClientIsNotKnownToBeLocal()
    {
        using var response = await host.GetAsync("/hangfire", ("X-Forwarded-For", "192.0.2.7"));
        Assert.True(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden, $"{response.StatusCode}");
    }

    [Fact]
    public async Task System_CountsWhatThereIs()
    {
        using var alone = new ApiHost();
        await alone.DatasetAsync(JobStatus.Queued);
        await alone.AddAsync(new Jobs.Workers.WorkerPresence { Name = "here", Device = "cpu", Version = "1", StartedAt = DateTime.UtcNow, SeenAt = DateTime.UtcNow });
        await alone.AddAsync(new Jobs.Workers.WorkerPresence { Name = "gone", Device = "cpu", Version = "1", StartedAt = DateTime.UtcNow, SeenAt = DateTime.UtcNow.AddHours(-1) });
        var system = await alone.GetJsonAsync("/system");
        Assert.Equal(1, (int)system["datasets"]!);
        Assert.Equal(["here"], system["workers"]!.AsArray().Select(worker => (string?)worker!["name"]));
        var queue = system["queues"]!.AsArray().Single(queue => (string?)queue!["name"] == "data")!;
        Assert.Equal((1, 0), ((int)queue["queued"]!, (int)queue["running"]!));
    }

    private static int Order(string name) => name.Split(' ')[0] switch
    {
        "GET" => 0,
        "POST" when !name.EndsWith("/cancel", StringComparison.Ordinal) => 1,
        "PUT" => 2,
        "POST" => 3,
        _ => 4,
    };

    private async Task<List<(string Name, JsonObject Operation)>> OperationsAsync(ApiHost? of = null)
    {
        var document = await (of ?? host).GetJsonAsync("/openapi/v1.json");
        return [.. from path in document["paths"]!.AsObject()
                   from operation in path.Value!.AsObject()
                   select ($"{operation.Key.ToUpperInvariant()} {path.Key}", operation.Value!.AsObject())];
    }
}
