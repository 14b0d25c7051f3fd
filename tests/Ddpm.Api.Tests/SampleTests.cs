using System.Net;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

public sealed class SampleTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("{}")]
    public async Task Create_UsesTheDefaultModel_WhenNothingIsAsked(string? body)
    {
        using var alone = new ApiHost();
        var checkpoint = await alone.ModelAsync("faces-32");
        using var response = await alone.PostAsync("/samples", body);
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal(("faces-32", $"{checkpoint}"), ((string?)view["model"], (string?)view["checkpointId"]));
        Assert.Equal((16, "ddim", 50), ((int)view["spec"]!["count"]!, (string?)view["spec"]!["sampler"], (int)view["spec"]!["steps"]!));
    }

    [Fact]
    public async Task Create_ListsTheModels_WhenTheDefaultIsNotThere()
    {
        using var alone = new ApiHost();
        await alone.ModelAsync("other");
        using var response = await alone.PostAsync("/samples");
        Assert.Contains("other", (string?)(await ApiHost.ProblemAsync(response, 400))["detail"], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ddpm", 40)]
    [InlineData("ddim", 40)]
    [InlineData("dpmsolver++", 25)]
    public async Task Create_FillsInTheSteps_WithinTheModelsTimesteps(string sampler, int steps)
    {
        var checkpoint = await host.CheckpointAsync(timesteps: 40);
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "sampler": "{{sampler}}"}""");
        Assert.Equal(steps, (int)(await ApiHost.JsonAsync(response, 202))["spec"]!["steps"]!);
    }

    [Theory]
    [InlineData("DDPMScheduler", "ddim", 50)]
    [InlineData("DPMSolverMultistepScheduler", "dpmsolver++", 25)]
    [InlineData("EulerDiscreteScheduler", "euler", 25)]
    [InlineData("HeunDiscreteScheduler", "heun", 13)]
    [InlineData("UniPCMultistepScheduler", "unipc", 25)]
    public async Task Create_TakesTheModelsOwnSampler_WhereNoneIsAskedFor(string scheduler, string sampler, int steps)
    {
        var checkpoint = await host.CheckpointAsync(scheduler: scheduler);
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}"}""");
        var spec = (await ApiHost.JsonAsync(response, 202))["spec"]!;
        Assert.Equal((sampler, steps), ((string?)spec["sampler"], (int)spec["steps"]!));
    }

    [Theory]
    [InlineData("tfloat32", "cpu", "only CPUs are at work")]
    [InlineData("float16", "cpu", "only CPUs are at work")]
    [InlineData("float16", "cuda:0 cpu", "not every worker has a GPU")] // either may take the job
    [InlineData("bfloat16", "cuda:0 cpu", null)]
    [InlineData("bfloat16", "cpu", null)]
    [InlineData("float16", "cuda:0 cuda:1", null)]
    [InlineData("float16", "", null)] // a worker with a GPU may still come
    public async Task Create_RefusesAPrecision_WhichAWorkerLacks(string precision, string devices, string? refusal)
    {
        using var alone = new ApiHost();
        await alone.ModelAsync("faces-32");
        foreach (var device in devices.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            await alone.AddAsync(new WorkerPresence { Name = $"on {device}", Device = device, Version = "0", StartedAt = DateTime.UtcNow, SeenAt = DateTime.UtcNow });
        using var response = await alone.PostAsync("/samples", $$"""{"precision": "{{precision}}"}""");
        if (refusal is not null)
            Assert.Contains(refusal, (await ApiHost.ProblemAsync(response, 400)).ToJsonString(), StringComparison.Ordinal);
        else
            Assert.Equal(precision, (string?)(await ApiHost.JsonAsync(response, 202))["spec"]!["precision"]);
    }

    [Fact]
    public async Task Create_RefusesAnOptionOfAnotherSampler_AlsoWhereTheModelChoosesIt()
    {
        var checkpoint = await host.CheckpointAsync();
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "karras": true}""");
        Assert.Contains("left out for ddim", (string?)(await ApiHost.ProblemAsync(response, 400))["errors"]!["karras"]![0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"checkpointId": "ID", "steps": 41}""", 40)]
    [InlineData("""{"checkpointId": "ID", "steps": 40, "sampler": "dpmsolver++"}""", 39)]
    [InlineData("""{"checkpointId": "ID", "steps": 41, "sampler": "dpmsolver++", "timestepSpacing": "trailing"}""", 40)]
    public async Task Create_NamesTheMostStepsOfTheModel_WhenMoreAreAsked(string body, int most)
    {
        var checkpoint = await host.CheckpointAsync(timesteps: 40);
        using var response = await host.PostAsync("/samples", body.Replace("ID", checkpoint.ToString(), StringComparison.Ordinal));
        Assert.Contains($"from 1 to {most}", (string?)(await ApiHost.ProblemAsync(response, 400))["errors"]!["steps"]![0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_UsesTheNewestCheckpoint_OfATrainingRun()
    {
        var run = await host.RunAsync();
        var newest = await host.CheckpointAsync(run, step: 90);
        await host.CheckpointAsync(run, step: 50);
        using var response = await host.PostAsync("/samples", $$"""{"trainingRunId": "{{run}}"}""");
        Assert.Equal($"{newest}", (string?)(await ApiHost.JsonAsync(response, 202))["checkpointId"]);
    }

    [Fact]
    public async Task Create_SaysToWait_WhenTheRunHasNoCheckpoint()
    {
        var run = await host.RunAsync(JobStatus.Running);
        using var response = await host.PostAsync("/samples", $$"""{"trainingRunId": "{{run}}"}""");
        Assert.Contains("no checkpoint yet", (string?)(await ApiHost.ProblemAsync(response, 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Create_DerivesTheColumns_WhenOnlyRowsAreGiven()
    {
        var checkpoint = await host.CheckpointAsync();
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "count": 7, "rows": 2}""");
        Assert.Equal(4, (int)(await ApiHost.JsonAsync(response, 202))["spec"]!["columns"]!);
    }

    [Fact]
    public async Task Create_AnswersTheGrid_WhenAPictureIsAcceptedAndWaitedFor()
    {
        var checkpoint = await host.CheckpointAsync();
        await using var worker = host.Hurry(JobStatus.Succeeded);
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "count": 2}""", ("Prefer", "wait"), ("Accept", "image/png"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("image/png", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(FakeWorker.Png, await response.Content.ReadAsByteArrayAsync(Cancel));
        Assert.StartsWith("/samples/", response.Headers.Location!.ToString(), StringComparison.Ordinal);
        Assert.Equal("wait=60", response.Headers.GetValues("Preference-Applied").Single());
    }

    [Fact]
    public async Task Create_SaysWhyItFailed_WhenAPictureIsWaitedFor()
    {
        var checkpoint = await host.CheckpointAsync();
        await using var worker = host.Hurry(JobStatus.Failed);
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}"}""", ("Prefer", "wait"), ("Accept", "image/png"));
        Assert.Equal("Out of paint.", (string?)(await ApiHost.ProblemAsync(response, 422))["detail"]);
    }

    [Fact]
    public async Task Create_Answers202AsJson_WhenThePicturesAreNotDrawnInTime()
    {
        var checkpoint = await host.CheckpointAsync();
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}"}""", ("Prefer", "respond-async, wait=0"), ("Accept", "image/png"));
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
    }

    [Fact]
    public async Task Create_MakesOneRequest_WhenManyComeAtOnceWithOneKey()
    {
        var checkpoint = await host.CheckpointAsync();
        var responses = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "seed": 5}""", ("Idempotency-Key", "at-once"))));
        var ids = new HashSet<string?>();
        foreach (var response in responses)
        {
            ids.Add((string?)(await ApiHost.JsonAsync(response, 202))["id"]);
            response.Dispose();
        }

        Assert.Single(ids);
        await using var db = host.Database();
        Assert.Equal(1, await db.SampleBatches.CountAsync(batch => batch.CheckpointId == checkpoint, Cancel));
    }

    [Fact]
    public async Task Create_Refuses_WhenAKeyComesWithAnotherBody()
    {
        var checkpoint = await host.CheckpointAsync();
        using var first = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "seed": 5}""", ("Idempotency-Key", "two-bodies"));
        await ApiHost.JsonAsync(first, 202);
        using var second = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", "seed": 6}""", ("Idempotency-Key", "two-bodies"));
        await ApiHost.ProblemAsync(second, 422);
    }

    [Fact]
    public async Task Create_SaysItIsGone_WhenWhatTheKeyMadeWasDeleted()
    {
        var body = $$"""{"checkpointId": "{{await host.CheckpointAsync()}}"}""";
        using var first = await host.PostAsync("/samples", body, ("Idempotency-Key", "deleted"));
        using var delete = await host.SendAsync(HttpMethod.Delete, first.Headers.Location!.ToString());
        Assert.Equal(HttpStatusCode.NoContent, delete.StatusCode);
        using var second = await host.PostAsync("/samples", body, ("Idempotency-Key", "deleted"));
        await ApiHost.ProblemAsync(second, 410);
    }

    [Fact]
    public async Task Create_Refuses_WhenTheKeyIsNotOne()
    {
        using var response = await host.PostAsync("/samples", "{}", ("Idempotency-Key", "two words"));
        await ApiHost.ProblemAsync(response, 400);
    }

    [Fact]
    public async Task Images_AreThere_OnlyForThePicturesOfTheRequest()
    {
        var id = await host.SamplesAsync(await host.CheckpointAsync(), count: 2);
        using var last = await host.GetAsync($"/samples/{id}/images/1.png");
        Assert.Equal(FakeWorker.Png, await last.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Contains("immutable", last.Headers.CacheControl!.ToString(), StringComparison.Ordinal);
        using var beyond = await host.GetAsync($"/samples/{id}/images/2.png");
        Assert.Contains("0 to 1", (string?)(await ApiHost.ProblemAsync(beyond, 404))["detail"], StringComparison.Ordinal);
        var links = (await host.GetJsonAsync($"/samples/{id}"))["links"]!;
        Assert.Equal($"/samples/{id}/images/1.png", (string?)links["images"]![1]);
    }

    [Fact]
    public async Task Events_EndWithTheResult_WhenTheRequestEnds()
    {
        var id = await host.SamplesAsync(await host.CheckpointAsync(), JobStatus.Queued);
        using var response = await host.GetAsync($"/samples/{id}/events");
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        Assert.Equal("event: progress", await reader.ReadLineAsync(Cancel));
        await host.DrawAsync(id);
        var rest = await reader.ReadToEndAsync(Cancel);
        Assert.Contains("event: ended", rest, StringComparison.Ordinal);
        Assert.Contains($"/samples/{id}/grid.png", rest[rest.IndexOf("event: ended", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_EndsAQueuedRequest_AndLeavesAnEndedOne()
    {
        var checkpoint = await host.CheckpointAsync();
        var (queued, drawn) = (await host.SamplesAsync(checkpoint, JobStatus.Queued), await host.SamplesAsync(checkpoint));
        using var first = await host.PostAsync($"/samples/{queued}/cancel");
        Assert.Equal("cancelled", (string?)(await ApiHost.JsonAsync(first, 200))["status"]);
        using var again = await host.PostAsync($"/samples/{queued}/cancel");
        await ApiHost.JsonAsync(again, 200);
        using var late = await host.PostAsync($"/samples/{drawn}/cancel");
        Assert.Contains("succeeded", (string?)(await ApiHost.ProblemAsync(late, 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_RemovesThePictures()
    {
        var id = await host.SamplesAsync(await host.CheckpointAsync());
        using var response = await host.SendAsync(HttpMethod.Delete, $"/samples/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Empty(host.FilesUnder($"samples/{id}"));
        using var gone = await host.GetAsync($"/samples/{id}");
        await ApiHost.ProblemAsync(gone, 404);
    }

    [Fact]
    public async Task List_GivesEveryRequestOnce_WhenPagedThrough()
    {
        var checkpoint = await host.CheckpointAsync();
        Guid[] made = [await host.SamplesAsync(checkpoint), await host.SamplesAsync(checkpoint), await host.SamplesAsync(checkpoint)];
        var first = await host.GetJsonAsync("/samples?limit=2");
        var second = await host.GetJsonAsync($"/samples?limit=2&cursor={first["nextCursor"]}");
        var seen = first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(item => (Guid)item!["id"]!).ToList();
        Assert.Equal(made.Reverse(), seen.Take(3));
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    [Fact]
    public async Task Create_KeepsThePicturesOfAGuide_UntilTheRequestIsDeleted()
    {
        var checkpoint = await host.CheckpointAsync();
        var body = $$$"""{"checkpointId": "{{{checkpoint}}}", "guide": {"kind": "inpaint"}, "picture": "{{{Convert.ToBase64String(FakeWorker.Png)}}}", "mask": "{{{Convert.ToBase64String(FakeWorker.Png)}}}"}""";
        using var response = await host.PostAsync("/samples", body, ("Idempotency-Key", "guided"));
        var view = await ApiHost.JsonAsync(response, 202);
        var guide = view["spec"]!["guide"]!;
        Assert.Equal(("inpaint", 10, 10), ((string?)guide["kind"], (int)guide["jumpLength"]!, (int)guide["resamplings"]!));
        Assert.Equal(("ddpm", 50), ((string?)view["spec"]!["sampler"], (int)view["spec"]!["steps"]!));
        Assert.Null(view["spec"]!["picture"]);
        Assert.Equal(["mask", "picture"], Guides(view["id"]));

        using var again = await host.PostAsync("/samples", body, ("Idempotency-Key", "guided"));
        Assert.Equal($"{view["id"]}", $"{(await ApiHost.JsonAsync(again, 202))["id"]}");

        using var deleted = await host.SendAsync(HttpMethod.Delete, $"/samples/{view["id"]}");
        Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        Assert.Empty(Guides(view["id"]));

        IEnumerable<string?> Guides(object? id) => host.FilesUnder($"samples/{id}").Select(Path.GetFileName).Order();
    }

    [Theory]
    [InlineData(""" "guide": {"kind": "inpaint"}, "sampler": "unipc" """, "sampler", "ddpm or ddim")]
    [InlineData(""" "guide": {"kind": "inpaint", "jumpLength": 1, "resamplings": 100}, "steps": 500 """, "guide.resamplings", "49901 network calls")]
    [InlineData(""" "guide": {"kind": "interpolate", "toSeed": 4}, "sampler": "ddpm" """, "sampler", "ddim with eta 0")]
    [InlineData(""" "guide": {"kind": "interpolate", "toSeed": 4}, "sampler": "ddim", "eta": 0.5 """, "sampler", "with eta 0.5")]
    public async Task Create_NamesWhatDoesNotGoWithTheGuide(string fields, string field, string fragment)
    {
        var checkpoint = await host.CheckpointAsync();
        var png = Convert.ToBase64String(FakeWorker.Png);
        var pictures = fields.Contains("inpaint", StringComparison.Ordinal) ? $""" , "picture": "{png}", "mask": "{png}" """ : "";
        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}", {{fields}} {{pictures}}}""");
        Assert.Contains(fragment, (string?)(await ApiHost.ProblemAsync(response, 400))["errors"]![field]![0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Trajectory_IsThere_WhereItWasAskedFor()
    {
        var checkpoint = await host.CheckpointAsync();
        var asked = await host.SamplesAsync(checkpoint);
        using var webp = await host.GetAsync($"/samples/{asked}/trajectory.webp");
        Assert.Equal((HttpStatusCode.OK, "image/webp"), (webp.StatusCode, webp.Content.Headers.ContentType?.MediaType));
        Assert.Equal($"/samples/{asked}/trajectory.webp", (string?)(await host.GetJsonAsync($"/samples/{asked}"))["links"]!["trajectory"]);

        using var response = await host.PostAsync("/samples", $$"""{"checkpointId": "{{checkpoint}}"}""");
        var other = (await ApiHost.JsonAsync(response, 202))["id"];
        using var none = await host.GetAsync($"/samples/{other}/trajectory.webp");
        Assert.Contains("trajectory", (string?)(await ApiHost.ProblemAsync(none, 404))["detail"], StringComparison.Ordinal);
    }
}
