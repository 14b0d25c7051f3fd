using System.Globalization;
using System.Net;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

public sealed class TrainingRunTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_TakesTheArticlesDefaults_WhenOnlyTheDatasetIsGiven()
    {
        var dataset = await host.DatasetAsync(resolution: 64, name: "anime");
        using var response = await host.PostAsync("/training-runs", $$"""{"datasetId": "{{dataset}}"}""");
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal(("anime", "queued", 0), ((string?)view["name"], (string?)view["status"], (int)view["step"]!));
        Assert.Equal([128, 128, 256, 256, 512, 512], view["network"]!["blockOutChannels"]!.AsArray().Select(channels => (int)channels!));
        Assert.Equal((1000, 1e-4, 0.02), ((int)view["schedule"]!["timesteps"]!, (double)view["schedule"]!["betaStart"]!, (double)view["schedule"]!["betaEnd"]!));
        await using var db = host.Database();
        var run = await db.TrainingRuns.Include(row => row.Job).SingleAsync(row => row.Id == (Guid)view["id"]!, Cancel);
        Assert.Equal((JobKind.Training, JobStatus.Queued), (run.Job!.Kind, run.Job.Status));
    }

    [Fact]
    public async Task Get_ShowsProgressAndWhereToLook()
    {
        var id = await host.RunAsync(JobStatus.Running, step: 40);
        await AddPreviewAsync(id, 20);
        await AddPreviewAsync(id, 40);
        var view = await host.GetJsonAsync($"/training-runs/{id}");
        Assert.Equal((40, 100, 0.05), ((int)view["step"]!, (int)view["totalSteps"]!, (double)view["loss"]!));
        Assert.Equal($"/training-runs/{id}/previews/40.png", (string?)view["links"]!["latestPreview"]);
        Assert.Null((string?)view["links"]!["lossCurve"]);
    }

    [Fact]
    public async Task Get_ShowsNoNumber_WhereTheLossIsNotOne()
    {
        var id = await host.RunAsync();
        await using (var db = host.Database())
            await db.TrainingRuns.Where(run => run.Id == id).ExecuteUpdateAsync(run => run.SetProperty(r => r.Loss, double.PositiveInfinity), Cancel);
        Assert.Null((double?)(await host.GetJsonAsync($"/training-runs/{id}"))["loss"]);
    }

    [Fact]
    public async Task Metrics_ComeAsJsonOrCsv_OldestFirst()
    {
        var id = await host.RunAsync();
        foreach (var step in new[] { 30, 10, 20 })
            await host.AddAsync(Metric(id, step));
        var json = (await host.GetJsonAsync($"/training-runs/{id}/metrics?afterStep=10&limit=5")).AsArray();
        Assert.Equal([20, 30], json.Select(point => (int)point!["step"]!));

        foreach (var (path, accept) in new[] { ("?format=csv", "*/*"), ("", "text/csv") })
        {
            using var response = await host.GetAsync($"/training-runs/{id}/metrics{path}", ("Accept", accept));
            Assert.Equal("text/csv", response.Content.Headers.ContentType?.MediaType);
            var lines = (await response.Content.ReadAsStringAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("step,epoch,loss,learningRate,gradNorm,imagesPerSecond,at,skippedSteps,emaDistance,memoryBytes", lines[0]);
            Assert.Equal(["10", "20", "30"], lines[1..].Select(line => line.Split(',')[0]));
            Assert.Equal(0.25, double.Parse(lines[1].Split(',')[2], CultureInfo.InvariantCulture));
        }
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("afterStep=-1", "afterStep")]
    [InlineData("format=xml", "format")]
    public async Task Metrics_NameTheParameter_WhenItIsWrong(string query, string field)
    {
        using var response = await host.GetAsync($"/training-runs/{await host.RunAsync()}/metrics?{query}");
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
    }

    [Fact]
    public async Task Previews_AreListedNewestFirst_AndCanBeSeen()
    {
        var id = await host.RunAsync();
        foreach (var step in new[] { 10, 30, 20 })
            await AddPreviewAsync(id, step);
        var first = await host.GetJsonAsync($"/training-runs/{id}/previews?limit=2");
        var second = await host.GetJsonAsync($"/training-runs/{id}/previews?limit=2&cursor={first["nextCursor"]}");
        Assert.Equal([30, 20, 10], first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(item => (int)item!["step"]!));
        using var picture = await host.GetAsync((string)first["items"]![0]!["url"]!);
        Assert.Equal(FakeWorker.Png, await picture.Content.ReadAsByteArrayAsync(Cancel));
        using var again = await host.GetAsync((string)first["items"]![0]!["url"]!, ("If-None-Match", picture.Headers.ETag!.ToString()));
        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        using var missing = await host.GetAsync($"/training-runs/{id}/previews/11.png");
        await ApiHost.ProblemAsync(missing, 404);
    }

    [Fact]
    public async Task LossCurve_IsThere_OnceItHasBeenDrawn()
    {
        var id = await host.RunAsync();
        using var before = await host.GetAsync($"/training-runs/{id}/loss.png");
        await ApiHost.ProblemAsync(before, 404);
        await host.Artifacts.WriteAsync($"training-runs/{id}/e1/loss.png", FakeWorker.Png, Cancel);
        await using (var db = host.Database())
            await db.TrainingRuns.Where(run => run.Id == id).ExecuteUpdateAsync(run => run.SetProperty(r => r.LossCurveKey, $"training-runs/{id}/e1/loss.png"), Cancel);
        using var after = await host.GetAsync($"/training-runs/{id}/loss.png");
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }

    [Fact]
    public async Task Events_TellProgressPreviewsCheckpointsAndTheEnd()
    {
        var id = await host.RunAsync(JobStatus.Running, step: 40);
        await AddPreviewAsync(id, 10);
        await AddPreviewAsync(id, 20);
        using var response = await host.GetAsync($"/training-runs/{id}/events");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        Assert.Equal("event: progress", await reader.ReadLineAsync(Cancel));
        await AddPreviewAsync(id, 30);
        var checkpoint = await host.CheckpointAsync(id, step: 30);
        await SetStatusAsync(id, JobStatus.Succeeded);
        var text = await reader.ReadToEndAsync(Cancel);
        Assert.DoesNotContain($"/previews/10.png\"}}", text, StringComparison.Ordinal);
        Assert.Contains($"/previews/20.png\"}}", text, StringComparison.Ordinal);
        Assert.Contains($"/previews/30.png\"}}", text, StringComparison.Ordinal);
        Assert.Contains($"event: checkpoint\ndata: {{\"id\":\"{checkpoint}\"", text, StringComparison.Ordinal);
        Assert.Equal(text.LastIndexOf("event: ", StringComparison.Ordinal), text.IndexOf("event: ended", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(JobStatus.Queued, 200, "cancelled")]
    [InlineData(JobStatus.Running, 202, "running")]
    public async Task Cancel_EndsWhatWaits_AndAsksWhatRuns(JobStatus status, int answer, string then)
    {
        var id = await host.RunAsync(status);
        using var response = await host.PostAsync($"/training-runs/{id}/cancel");
        var view = await ApiHost.JsonAsync(response, answer);
        Assert.Equal((then, true), ((string?)view["status"], (bool)view["cancelRequested"]!));
    }

    [Fact]
    public async Task Cancel_IsRefused_WhenTheRunHasEnded()
    {
        using var response = await host.PostAsync($"/training-runs/{await host.RunAsync()}/cancel");
        Assert.Contains("succeeded", (string?)(await ApiHost.ProblemAsync(response, 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Resume_GivesTheRunANewJob_WhenItWasCancelled()
    {
        var id = await host.RunAsync(JobStatus.Cancelled, step: 40);
        await using var db = host.Database();
        var before = await db.Jobs.CountAsync(Cancel);
        using var response = await host.PostAsync($"/training-runs/{id}/resume");
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
        Assert.Equal(before + 1, await db.Jobs.CountAsync(Cancel));
    }

    [Theory]
    [InlineData("""{"epochs": 20}""", 20, null)]
    [InlineData("""{"steps": 250}""", 50, 250)]
    public async Task Resume_MovesTheGoal_WhenMoreIsAsked(string body, int epochs, int? steps)
    {
        var id = await host.RunAsync();
        using var response = await host.PostAsync($"/training-runs/{id}/resume", body);
        var training = (await ApiHost.JsonAsync(response, 202))["training"]!;
        Assert.Equal((epochs, steps), ((int)training["epochs"]!, (int?)training["steps"]));
    }

    [Fact]
    public async Task Resume_GoesOn_WhenTheRunsTimeWasUpBeforeItsSteps()
    {
        var id = await host.RunAsync(step: 60);
        using var response = await host.PostAsync($"/training-runs/{id}/resume");
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
    }

    [Theory]
    [InlineData("{}", "epochs")]
    [InlineData("""{"steps": 100}""", "steps")]
    [InlineData("""{"epochs": 10}""", "epochs")]
    [InlineData("""{"epochs": 20, "steps": 200}""", "steps")]
    [InlineData("""{"hours": 2}""", "hours")]
    public async Task Resume_SaysWhy_WhenThereIsNothingLeftToDo(string body, string field)
    {
        using var response = await host.PostAsync($"/training-runs/{await host.RunAsync()}/resume", body);
        Assert.NotNull((await ApiHost.ProblemAsync(response, 400))["errors"]![field]);
    }

    [Theory]
    [InlineData(JobStatus.Queued)]
    [InlineData(JobStatus.Running)]
    public async Task Resume_IsRefused_WhileTheRunGoesOn(JobStatus status)
    {
        using var response = await host.PostAsync($"/training-runs/{await host.RunAsync(status)}/resume", """{"epochs": 99}""");
        await ApiHost.ProblemAsync(response, 409);
    }

    [Fact]
    public async Task Resume_MakesOneJob_WhenManyComeAtOnce()
    {
        var id = await host.RunAsync(JobStatus.Failed);
        var responses = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => host.PostAsync($"/training-runs/{id}/resume")));
        Assert.Single(responses, response => response.StatusCode == HttpStatusCode.Accepted);
        Assert.All(responses, response => Assert.True(response.StatusCode is HttpStatusCode.Accepted or HttpStatusCode.Conflict));
    }

    [Fact]
    public async Task Resume_MakesOneJob_WhenItIsSentTwiceWithOneKey()
    {
        var id = await host.RunAsync();
        for (var i = 0; i < 2; i++)
        {
            using var response = await host.PostAsync($"/training-runs/{id}/resume", """{"epochs": 30}""", ("Idempotency-Key", "resume-1"));
            Assert.Equal($"{id}", (string?)(await ApiHost.JsonAsync(response, 202))["id"]);
        }
    }

    [Fact]
    public async Task Checkpoints_AreListedNewestFirst_WithTheirModels()
    {
        var id = await host.RunAsync();
        var (older, newer) = (await host.CheckpointAsync(id, 50), await host.CheckpointAsync(id, 100));
        using var put = await host.SendAsync(HttpMethod.Put, "/models/listed", $$"""{"checkpointId": "{{older}}"}""");
        var items = (await host.GetJsonAsync($"/training-runs/{id}/checkpoints"))["items"]!.AsArray();
        Assert.Equal([newer, older], items.Select(item => (Guid)item!["id"]!));
        Assert.Equal("listed", (string?)items[1]!["models"]![0]);
        Assert.Equal(32, (int)items[0]!["network"]!["sample_size"]!);
    }

    private static TrainingMetric Metric(Guid run, long step) => new()
    {
        TrainingRunId = run,
        Step = step,
        Epoch = 1,
        Loss = 0.25,
        LearningRate = 1e-4,
        GradNorm = 1,
        ImagesPerSecond = 8,
        At = DateTime.UtcNow,
    };

    private async Task AddPreviewAsync(Guid run, long step)
    {
        var key = $"training-runs/{run}/e1/previews/{step}.png";
        await host.Artifacts.WriteAsync(key, FakeWorker.Png, Cancel);
        await host.AddAsync(new TrainingPreview { TrainingRunId = run, Step = step, Epoch = 1, ArtifactKey = key, At = DateTime.UtcNow });
    }

    private async Task SetStatusAsync(Guid run, JobStatus status)
    {
        await using var db = host.Database();
        await db.Jobs.Where(job => db.TrainingRuns.Any(row => row.Id == run && row.JobId == job.Id))
            .ExecuteUpdateAsync(job => job.SetProperty(j => j.Status, status), Cancel);
    }
}
