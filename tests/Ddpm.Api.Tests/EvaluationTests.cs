using System.Net;
using System.Text.Json.Nodes;
using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

public sealed class EvaluationTests(ApiHost host) : IClassFixture<ApiHost>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Create_FixesTheCheckpointAndFillsInWhatWasNotAsked()
    {
        var (checkpoint, dataset) = (await host.ModelAsync("measured"), await host.DatasetAsync());
        using var response = await host.PostAsync("/evaluations", $$"""{"model": "measured", "datasetId": "{{dataset}}", "seed": 3}""");
        var view = await ApiHost.JsonAsync(response, 202);
        Assert.Equal($"/evaluations/{view["id"]}", response.Headers.Location!.ToString());
        Assert.Equal(("measured", "queued", $"{checkpoint}", $"{dataset}"), ((string?)view["model"], (string?)view["status"], (string?)view["checkpointId"], (string?)view["datasetId"]));
        var spec = view["spec"]!;
        Assert.Equal(["bits-per-dim", "swd", "nearest"], spec["metrics"]!.AsArray().Select(metric => (string?)metric));
        Assert.Equal((128, 3, "ddim", 50, 50), ((int)spec["images"]!, (int)spec["seed"]!, (string?)spec["sampler"], (int)spec["steps"]!, (int)spec["terms"]!));
        Assert.Null(view["results"]);
        await using var db = host.Database();
        var row = await db.Evaluations.Include(evaluation => evaluation.Job).SingleAsync(evaluation => evaluation.Id == (Guid)view["id"]!, Cancel);
        Assert.Equal((JobKind.Evaluation, JobStatus.Queued), (row.Job!.Kind, row.Job.Status));
        Assert.Equal("ddim", row.Spec.Sampler);
    }

    [Fact]
    public async Task Create_AnswersWithTheNumbers_WhenTheyComeInTime()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        await using var worker = host.Hurry(JobStatus.Succeeded);
        using var response = await host.PostAsync("/evaluations", $$"""{"checkpointId": "{{checkpoint}}", "datasetId": "{{dataset}}", "terms": null}""", ("Prefer", "wait=30"));
        var view = await ApiHost.JsonAsync(response, 200);
        Assert.Equal((3.5, 0.02), ((double)view["results"]!["bitsPerDimension"]!["total"]!["value"]!, (double)view["results"]!["bitsPerDimension"]!["total"]!["standardError"]!));
        Assert.Null(view["spec"]!["terms"]);
        Assert.Equal($"/evaluations/{view["id"]}/nearest.png", (string?)view["links"]!["nearest"]);
    }

    [Fact]
    public async Task Create_MakesOne_WhenItIsSentTwiceWithOneKey_AndRefusesAnotherBody()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        var body = $$"""{"checkpointId": "{{checkpoint}}", "datasetId": "{{dataset}}"}""";
        using var first = await host.PostAsync("/evaluations", body, ("Idempotency-Key", "measure-once"));
        using var second = await host.PostAsync("/evaluations", body, ("Idempotency-Key", "measure-once"));
        Assert.Equal((string?)(await ApiHost.JsonAsync(first, 202))["id"], (string?)(await ApiHost.JsonAsync(second, 202))["id"]);
        using var other = await host.PostAsync("/evaluations", body.Replace("}", ", \"seed\": 9}", StringComparison.Ordinal), ("Idempotency-Key", "measure-once"));
        await ApiHost.ProblemAsync(other, 422);
    }

    [Theory]
    [InlineData(""" "metrics": [] """, "metrics", "from 1 to 5 elements; it has 0")]
    [InlineData(""" "metrics": ["is"] """, "metrics[0]", "bits-per-dim, fid, kid, swd or nearest; it is is")]
    [InlineData(""" "metrics": ["swd", "swd"] """, "metrics[1]", "swd again")]
    [InlineData(""" "metrics": ["fid"] """, "features", "is required for fid and kid")]
    [InlineData(""" "features": {"network": "a.pt"} """, "features", "belongs to the metrics fid and kid")]
    [InlineData(""" "metrics": ["fid"], "features": {} """, "features.network", "is required")]
    [InlineData(""" "metrics": ["fid"], "features": {"network": "../a.pt"} """, "features.network", "without folders")]
    [InlineData(""" "metrics": ["fid"], "features": {"network": "a.pt", "size": 7} """, "features.size", "from 32 to 1024")]
    [InlineData(""" "metrics": ["fid"], "features": {"network": "a.pt", "range": "0..2"} """, "features.range", "0..1, -1..1 or 0..255")]
    [InlineData(""" "metrics": ["fid"], "features": {"network": "a.pt", "referenceImages": 1} """, "features.referenceImages", "from 4 to")]
    [InlineData(""" "images": 3 """, "images", "from 4 to 50000; it is 3")]
    [InlineData(""" "terms": 1 """, "terms", "from 2 to 10000")]
    [InlineData(""" "rows": 0 """, "rows", "from 1 to 64")]
    [InlineData(""" "neighbours": 17 """, "neighbours", "from 1 to 16")]
    [InlineData(""" "steps": 2000 """, "steps", "from 1 to 1000")]
    [InlineData(""" "sampler": "ddpm", "eta": 0.5 """, "eta", "ddim")]
    [InlineData(""" "sampler": "dpm" """, "sampler", "must be ddpm")]
    [InlineData(""" "model": "measured" """, "checkpointId", "choose one")]
    [InlineData(""" "guidanceScale": 2 """, "guidanceScale", "is not a field here")]
    public async Task Create_NamesTheFieldAndWhatItMustBe(string fields, string field, string fragment)
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        using var response = await host.PostAsync("/evaluations", $$"""{"checkpointId": "{{checkpoint}}", "datasetId": "{{dataset}}", {{fields}} }""");
        var problem = await ApiHost.ProblemAsync(response, 400);
        Assert.Contains(fragment, (string?)problem["errors"]?[field]?[0] ?? problem.ToJsonString(), StringComparison.Ordinal);
        Assert.NotNull(problem["errors"]![field]);
    }

    [Fact]
    public async Task Create_NeedsADatasetThatIsThere_IsBuilt_AndHasTheModelsSize()
    {
        var checkpoint = await host.CheckpointAsync();
        async Task<JsonNode> RefusedAsync(Guid dataset, int status)
        {
            using var response = await host.PostAsync("/evaluations", $$"""{"checkpointId": "{{checkpoint}}", "datasetId": "{{dataset}}"}""");
            return await ApiHost.ProblemAsync(response, status);
        }

        using var without = await host.PostAsync("/evaluations", $$"""{"checkpointId": "{{checkpoint}}"}""");
        Assert.Equal("is required", (string?)(await ApiHost.ProblemAsync(without, 400))["errors"]!["datasetId"]![0]);
        Assert.Contains("names no dataset", (string?)(await RefusedAsync(Guid.CreateVersion7(), 400))["errors"]!["datasetId"]![0], StringComparison.Ordinal);
        Assert.Contains("the model draws 32×32", (string?)(await RefusedAsync(await host.DatasetAsync(resolution: 64), 400))["errors"]!["datasetId"]![0], StringComparison.Ordinal);
        Assert.Contains("it is running", (string?)(await RefusedAsync(await host.DatasetAsync(JobStatus.Running), 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_AreThere_OnceTheyAreDrawn()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        var id = await host.EvaluationAsync(checkpoint, dataset, JobStatus.Running);
        using var early = await host.GetAsync($"/evaluations/{id}/nearest.png");
        Assert.Contains("running", (string?)(await ApiHost.ProblemAsync(early, 404))["detail"], StringComparison.Ordinal);
        await host.MeasureAsync(id);
        foreach (var name in new[] { "nearest", "samples" })
        {
            using var picture = await host.GetAsync((string)(await host.GetJsonAsync($"/evaluations/{id}"))["links"]![name]!);
            Assert.Equal(FakeWorker.Png, await picture.Content.ReadAsByteArrayAsync(Cancel));
        }

        using var failed = await host.GetAsync($"/evaluations/{await host.EvaluationAsync(checkpoint, dataset, JobStatus.Failed)}/samples.png");
        Assert.Contains("Out of paint.", (string?)(await ApiHost.ProblemAsync(failed, 404))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task List_ShowsNumbersWithoutWhatIsLong_NewestFirst()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        Guid[] made = [await host.EvaluationAsync(checkpoint, dataset), await host.EvaluationAsync(checkpoint, dataset), await host.EvaluationAsync(checkpoint, dataset)];
        var first = await host.GetJsonAsync("/evaluations?limit=2");
        var second = await host.GetJsonAsync($"/evaluations?limit=2&cursor={first["nextCursor"]}");
        var seen = first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(item => (Guid)item!["id"]!).ToList();
        Assert.Equal(made.Reverse(), seen.Take(3));
        var results = first["items"]![0]!["results"]!;
        Assert.Equal(3.5, (double)results["bitsPerDimension"]!["total"]!["value"]!);
        Assert.Empty(results["bitsPerDimension"]!["terms"]!.AsArray());
        Assert.Empty(results["memorisation"]!["closest"]!.AsArray());
        var whole = (await host.GetJsonAsync($"/evaluations/{made[2]}"))["results"]!;
        Assert.Single(whole["bitsPerDimension"]!["terms"]!.AsArray());
        Assert.Equal(268, (int)whole["memorisation"]!["closest"]![0]!["nearest"]![0]!["index"]!);
    }

    [Fact]
    public async Task Events_EndWithTheResult()
    {
        var id = await host.EvaluationAsync(await host.CheckpointAsync(), await host.DatasetAsync(), JobStatus.Queued);
        using var response = await host.GetAsync($"/evaluations/{id}/events");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancel));
        Assert.Equal("event: progress", await reader.ReadLineAsync(Cancel));
        await host.MeasureAsync(id);
        var rest = await reader.ReadToEndAsync(Cancel);
        Assert.Contains($"/evaluations/{id}/nearest.png", rest[rest.IndexOf("event: ended", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_EndsAQueuedEvaluation_AndLeavesAnEndedOne()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        using var first = await host.PostAsync($"/evaluations/{await host.EvaluationAsync(checkpoint, dataset, JobStatus.Queued)}/cancel");
        Assert.Equal("cancelled", (string?)(await ApiHost.JsonAsync(first, 200))["status"]);
        using var late = await host.PostAsync($"/evaluations/{await host.EvaluationAsync(checkpoint, dataset)}/cancel");
        Assert.Contains("succeeded", (string?)(await ApiHost.ProblemAsync(late, 409))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Delete_RemovesRowAndPictures()
    {
        var id = await host.EvaluationAsync(await host.CheckpointAsync(), await host.DatasetAsync());
        using var response = await host.SendAsync(HttpMethod.Delete, $"/evaluations/{id}");
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        Assert.Empty(host.FilesUnder($"evaluations/{id}"));
        foreach (var path in new[] { "", "/nearest.png", "/events" })
        {
            using var gone = await host.GetAsync($"/evaluations/{id}{path}");
            await ApiHost.ProblemAsync(gone, 404);
        }
    }

    [Fact]
    public async Task CheckpointAndDataset_StayAsLongAsAnEvaluationNeedsThem()
    {
        var (checkpoint, dataset) = (await host.CheckpointAsync(), await host.DatasetAsync());
        var id = await host.EvaluationAsync(checkpoint, dataset, JobStatus.Queued);
        foreach (var path in new[] { $"/checkpoints/{checkpoint}", $"/datasets/{dataset}" })
        {
            using var refused = await host.SendAsync(HttpMethod.Delete, path);
            Assert.Contains("valuations", (string?)(await ApiHost.ProblemAsync(refused, 409))["detail"], StringComparison.Ordinal);
        }

        await host.MeasureAsync(id);
        foreach (var path in new[] { $"/checkpoints/{checkpoint}", $"/datasets/{dataset}" })
        {
            using var deleted = await host.SendAsync(HttpMethod.Delete, path);
            Assert.Equal(HttpStatusCode.NoContent, deleted.StatusCode);
        }

        Assert.Equal(3.5, (double)(await host.GetJsonAsync($"/evaluations/{id}"))["results"]!["bitsPerDimension"]!["total"]!["value"]!);
    }
}
