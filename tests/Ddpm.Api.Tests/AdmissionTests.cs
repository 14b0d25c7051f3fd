using System.Globalization;
using System.Net;
using System.Text;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

/// <summary>How much work is accepted, and what it costs.</summary>
public sealed class AdmissionTests : IDisposable
{
    private readonly ApiHost _host = new();

    public void Dispose() => _host.Dispose();

    [Fact]
    public async Task Cost_IsKnownBeforeAnythingRuns_AndGrowsWithPicturesAndCalls()
    {
        await ModelAsync("cost");
        var one = await OperationsAsync("""{"model": "cost", "count": 1, "sampler": "ddim", "steps": 5}""");
        Assert.Equal(5e9, one);
        Assert.Equal(4 * one, await OperationsAsync("""{"model": "cost", "count": 4, "sampler": "ddim", "steps": 5}"""));
        Assert.Equal(2 * one, await OperationsAsync("""{"model": "cost", "count": 1, "sampler": "ddim", "steps": 10}"""));
        Assert.Equal(9 * one / 5, await OperationsAsync("""{"model": "cost", "count": 1, "sampler": "heun", "steps": 5}"""), one / 1e6);

        // A guide changes how often the network is called: half of the run; 10 + 5 · 3 calls, as one stretch of 5 steps is done 4 times.
        const string Picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";
        Assert.Equal(one, await OperationsAsync($$"""{"model": "cost", "count": 1, "sampler": "ddim", "steps": 10, "guide": {"kind": "picture", "strength": 0.5}, "picture": "{{Picture}}"}"""));
        Assert.Equal(
            25 * one / 5,
            await OperationsAsync($$"""{"model": "cost", "count": 1, "sampler": "ddim", "steps": 10, "guide": {"kind": "inpaint", "jumpLength": 5, "resamplings": 4}, "picture": "{{Picture}}", "mask": "{{Picture}}"}"""));

        async Task<double> OperationsAsync(string json)
        {
            using var response = await _host.PostAsync("/samples", json);
            return (double)(await ApiHost.JsonAsync(response, 202))["operations"]!;
        }
    }

    [Fact]
    public async Task ARequestThatCostsTooMuch_IsRefused_AndToldHowManyPicturesAreNotTooMany()
    {
        await ModelAsync("dear");
        using var first = await _host.PostAsync("/samples", """{"model": "dear", "count": 2, "sampler": "ddim", "steps": 5}""");
        var two = (double)(await ApiHost.JsonAsync(first, 202))["operations"]!;
        using var limited = _host.With(("Samples:MaxOperations", two.ToString("R", CultureInfo.InvariantCulture)));
        using var client = limited.CreateClient();

        using var refused = await PostAsync(client, """{"model": "dear", "count": 3, "sampler": "ddim", "steps": 5}""");
        var problem = await ApiHost.ProblemAsync(refused, 400);
        Assert.Contains("at most 2 pictures", problem["errors"]!["count"]![0]!.ToString(), StringComparison.Ordinal);
        using var accepted = await PostAsync(client, """{"model": "dear", "count": 2, "sampler": "ddim", "steps": 5}""");
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    [Fact]
    public async Task CostOfTraining_IsKnownBeforeItBegins_AndGrowsWithPicturesPassesAndPixels()
    {
        var (small, large) = (await _host.DatasetAsync(resolution: 32), await _host.DatasetAsync(resolution: 64)); // ten pictures each
        var one = await OperationsAsync(small, """{"epochs": 1}""");
        Assert.True(one > 0);
        Assert.Equal(3 * one, await OperationsAsync(small, """{"epochs": 3}"""), one / 1e6);
        Assert.Equal(8 * one, await OperationsAsync(small, """{"steps": 4, "gradientAccumulationSteps": 2}"""), one / 1e6); // batches of 16, in which the ten are repeated
        Assert.Equal(10 * one / 16, await OperationsAsync(small, """{"epochs": 1, "batchSize": 4}"""), one / 1e6);
        Assert.Equal(14 * one / 16, await OperationsAsync(small, """{"steps": 4, "batchSize": 4}"""), one / 1e6); // 4 + 4 + 2, and 4 again
        Assert.Equal(14 * one / 16, await OperationsAsync(small, """{"epochs": 1, "batchSize": 4, "gradientAccumulationSteps": 2}"""), one / 1e6); // two steps of two batches
        Assert.Equal(4 * one / 3, await OperationsAsync(small, """{"epochs": 1, "gradientCheckpointing": true}"""), one / 1e6);
        Assert.True(await OperationsAsync(large, """{"epochs": 1}""") > 4 * one); // attention grows faster than the pixels
        using var timed = await _host.PostAsync("/training-runs", Run(small, """{"epochs": 1, "maxSeconds": 60}"""));
        Assert.Null((await ApiHost.JsonAsync(timed, 202))["operations"]); // nobody knows how far it gets

        async Task<double> OperationsAsync(Guid dataset, string training)
        {
            using var response = await _host.PostAsync("/training-runs", Run(dataset, training));
            return (double)(await ApiHost.JsonAsync(response, 202))["operations"]!;
        }
    }

    [Fact]
    public async Task ARunThatCostsTooMuch_IsRefused_AndToldHowFarItMayGo()
    {
        var dataset = await _host.DatasetAsync();
        using var first = await _host.PostAsync("/training-runs", Run(dataset, """{"epochs": 2}"""));
        var two = (double)(await ApiHost.JsonAsync(first, 202))["operations"]!;
        using var limited = _host.With(("TrainingRuns:MaxOperations", (two * 1.001).ToString("R", CultureInfo.InvariantCulture)));
        using var client = limited.CreateClient();

        using var refused = await PostAsync(client, "/training-runs", Run(dataset, """{"epochs": 3}"""));
        Assert.Contains("at most 2", (await ApiHost.ProblemAsync(refused, 400))["errors"]!["training.epochs"]![0]!.ToString(), StringComparison.Ordinal);
        using var accepted = await PostAsync(client, "/training-runs", Run(dataset, """{"epochs": 2}"""));
        Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
    }

    // Ten epochs of ten pictures, one a step, are done of the article's network, which the fake run is of.
    [Fact]
    public async Task AResumedRun_CostsWhatIsLeft()
    {
        var dataset = await _host.DatasetAsync();
        using var whole = await _host.PostAsync("/training-runs", $$$"""{"datasetId": "{{{dataset}}}", "training": {"epochs": 2, "batchSize": 1}}""");
        var two = (double)(await ApiHost.JsonAsync(whole, 202))["operations"]!;
        var run = await _host.RunAsync(dataset: dataset);
        using var limited = _host.With(("TrainingRuns:MaxOperations", (two * 1.001).ToString("R", CultureInfo.InvariantCulture)));
        using var client = limited.CreateClient();

        using var refused = await PostAsync(client, $"/training-runs/{run}/resume", """{"epochs": 13}""");
        Assert.Contains("at most 12", (await ApiHost.ProblemAsync(refused, 400))["errors"]!["epochs"]![0]!.ToString(), StringComparison.Ordinal);
        using var accepted = await PostAsync(client, $"/training-runs/{run}/resume", """{"epochs": 12}""");
        Assert.Equal(two, (double)(await ApiHost.JsonAsync(accepted, 202))["operations"]!, two / 1e6);
    }

    [Fact]
    public async Task AnEvaluationsCost_CountsTermsAndSamples_AndHasALimit()
    {
        await ModelAsync("measured");
        var dataset = await _host.DatasetAsync();
        var bound = await OperationsAsync("""["bits-per-dim"]""");
        Assert.Equal(10 * 5e9 / 5 * 7, bound, 1); // ten pictures, seven terms; a call of the fake model as above
        Assert.Equal(10 * 5e9 / 5 * 3, await OperationsAsync("""["swd", "nearest"]"""), 1);
        Assert.Equal(10 * 5e9 / 5 * 10, await OperationsAsync("""["swd", "bits-per-dim"]"""), 1);
        Assert.Equal(5e9 / 5 * ((10 * 7) + (40 * 3)), await OperationsAsync("""["swd", "bits-per-dim"]""", images: 40), 1); // the dataset has ten

        using var limited = _host.With(("Evaluations:MaxOperations", "5e10"));
        using var client = limited.CreateClient();
        using var refused = await PostAsync(client, "/evaluations", Request("""["bits-per-dim"]"""));
        Assert.Contains("at most 7", (await ApiHost.ProblemAsync(refused, 400))["errors"]!["images"]![0]!.ToString(), StringComparison.Ordinal);

        string Request(string metrics, int images = 10) => $$"""{"datasetId": "{{dataset}}", "model": "measured", "metrics": {{metrics}}, "images": {{images}}, "terms": 7, "sampler": "ddim", "steps": 3}""";

        async Task<double> OperationsAsync(string metrics, int images = 10)
        {
            using var response = await _host.PostAsync("/evaluations", Request(metrics, images));
            return (double)(await ApiHost.JsonAsync(response, 202))["operations"]!;
        }
    }

    [Fact]
    public async Task AnAccountWithTooMuchWaiting_IsToldWhenToComeAgain_AndOthersAreLetIn()
    {
        await ModelAsync("shared");
        var (alice, bob) = (await _host.KeyAsync("alice", ApiRole.Submit), await _host.KeyAsync("bob", ApiRole.Submit));
        using var limited = _host.With(("Limits:WaitingPerAccount", "2"), ("Limits:Waiting", "3"));
        using var client = limited.CreateClient();
        const string One = """{"model": "shared", "count": 1, "sampler": "ddim", "steps": 2}""";
        for (var n = 0; n < 2; n++)
        {
            using var accepted = await PostAsync(client, One, alice);
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
        }

        using var refused = await PostAsync(client, One, alice);
        var problem = await ApiHost.ProblemAsync(refused, 429);
        Assert.Equal(2, (int)problem["position"]!);
        Assert.True(refused.Headers.RetryAfter?.Delta >= TimeSpan.FromSeconds(1));
        using var others = await PostAsync(client, One, bob);
        Assert.Equal(HttpStatusCode.Accepted, others.StatusCode);
        using var full = await PostAsync(client, One, bob);
        Assert.Contains("no more than 3", (await ApiHost.ProblemAsync(full, 429))["detail"]!.ToString(), StringComparison.Ordinal);
        await using var db = _host.Database();
        Assert.Equal(3, db.Jobs.Count(job => job.Status == JobStatus.Queued));
    }

    private async Task ModelAsync(string name)
    {
        var checkpoint = await _host.ModelAsync(name);
        await using var db = _host.Database();
        await db.Checkpoints.Where(row => row.Id == checkpoint).ExecuteUpdateAsync(set => set.SetProperty(row => row.Account, Account.Shared), TestContext.Current.CancellationToken);
        await db.Models.Where(row => row.Name == name).ExecuteUpdateAsync(set => set.SetProperty(row => row.Account, Account.Shared), TestContext.Current.CancellationToken);
    }

    private static string Run(Guid dataset, string training) =>
        $$$"""{"datasetId": "{{{dataset}}}", "network": {"blockOutChannels": [8, 16], "layersPerBlock": 1, "normNumGroups": 8}, "training": {{{training}}}}""";

    private static Task<HttpResponseMessage> PostAsync(HttpClient client, string json, params (string Name, string Value)[] headers) => PostAsync(client, "/samples", json, headers);

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string path, string json, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }
}
