using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Ddpm.Api;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Ddpm.Cli.Tests.Telemetry;

/// <summary>Spans of the API and of a worker, in one process and over real sockets.</summary>
public sealed class TraceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task TraceOfARequest_GoesOnInTheWorker_WithASpanForEachPart()
    {
        var ended = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is Tracing.Name or "Microsoft.AspNetCore",
            Sample = (ref _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = ended.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        await using var service = await ServeAsync();
        using var client = new HttpClient { BaseAddress = new Uri(service.Urls.First()) };

        var (first, second) = (await PostAsync(client), await PostAsync(client));
        await Eventually.BecomesTrueAsync("both jobs have ended", () => ended.Count(span => span.DisplayName == "job sampling") == 2);

        foreach (var (requestId, traceId) in new[] { first, second })
        {
            var spans = ended.Where(span => span.TraceId == traceId).ToList();
            var post = Assert.Single(spans, span => span.Kind == ActivityKind.Server);
            var job = Assert.Single(spans, span => span.DisplayName == "job sampling");
            Assert.Equal(post.SpanId, job.ParentSpanId);
            Assert.Equal((requestId, 1L, "Succeeded"), (job.GetTagItem("ddpm.request.id"), job.GetTagItem("ddpm.job.attempt"), job.GetTagItem("ddpm.job.outcome")));

            // The model was loaded when the service started, or by the first of them.
            var parts = spans.Where(span => span.ParentSpanId == job.SpanId && span.DisplayName != "load model").ToList();
            Assert.Equal(["draw", "encode", "publish"], parts.OrderBy(span => span.StartTimeUtc).Select(span => span.DisplayName));
            Assert.Equal((2, 3), (parts[0].GetTagItem("ddpm.sampling.images"), parts[0].GetTagItem("ddpm.sampling.steps")));
        }
    }

    private static async Task<(string RequestId, ActivityTraceId TraceId)> PostAsync(HttpClient client)
    {
        // As a sender does that has a trace of its own.
        var trace = ActivityTraceId.CreateRandom();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/samples") { Content = JsonContent.Create(new JsonObject { ["count"] = 2, ["steps"] = 3 }) };
        request.Headers.TryAddWithoutValidation("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01");
        using var response = await client.SendAsync(request, Cancel);
        Assert.Equal(202, (int)response.StatusCode);
        return (Assert.Single(response.Headers.GetValues("X-Request-Id")), trace);
    }

    // As `ddpm serve` does.
    private async Task<WebApplication> ServeAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Data:Root"] = _folder.At("data"), ["Worker:Device"] = "cpu", ["Worker:Threads"] = "1" });
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddDdpmApi(builder.Configuration);
        builder.Services.AddDdpmWorker(builder.Configuration);
        var service = builder.Build();
        service.MapDdpmApi();
        await service.StartAsync(Cancel);
        return service;
    }
}
