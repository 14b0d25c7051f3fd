using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>Lists, whose order and cursors PostgreSQL decides: it compares ids and names in its own way.</summary>
public sealed class PagingTests(SplitService service) : SplitServiceTests(service)
{
    private const int Rows = 5;

    [Fact]
    public Task Datasets_ArePagedNewestFirst() => ArePagedNewestFirstAsync("/datasets", async n =>
        await Client.PostAsync("/datasets", $$"""{"source": {"kind": "builtin", "name": "faces", "count": 1, "seed": {{n}}}, "resolution": 8}"""));

    [Fact]
    public Task TrainingRuns_ArePagedNewestFirst() => ArePagedNewestFirstAsync("/training-runs", async n =>
    {
        var run = await Client.PostAsync("/training-runs", ClientExtensions.TinyRun((string)Service.Trained["datasetId"]!, $"\"steps\": 1, \"seed\": {n}"));
        (await Client.PostAsync($"/training-runs/{run.Json(202)["id"]}/cancel", "")).RequireStatus(200, 202, 409);
        return run;
    });

    [Fact]
    public Task Samples_ArePagedNewestFirst() => ArePagedNewestFirstAsync("/samples", async n =>
        await Client.PostAsync("/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 1, "steps": 1, "seed": {{n}}}"""));

    [Fact]
    public async Task Models_ArePagedByName()
    {
        var checkpoint = (await Client.CheckpointsAsync(Service.TrainedId))[^1]["id"];
        foreach (var name in new[] { "z", "a-b", "ab", "a.b", "a_b", "a1", "1a", "a" })
            (await Client.PutAsync($"/models/{name}", $$"""{"checkpointId": "{{checkpoint}}"}""")).Json(200, 201);

        var whole = Assert.Single(await Client.PagesAsync("/models", 100)).Select(item => (string)item!["name"]!).ToList();
        Assert.Equal(whole.Order(StringComparer.Ordinal), whole);
        var pages = await Client.PagesAsync("/models", 2);
        Assert.Equal(whole, pages.SelectMany(page => page).Select(item => (string)item!["name"]!));
    }

    [Fact]
    public async Task Checkpoints_ArePagedNewestFirst()
    {
        var pages = await Client.PagesAsync($"/training-runs/{Service.TrainedId}/checkpoints", 2);
        Assert.Equal([2, 1], pages.Select(page => page.Count));
        Assert.Equal([24, 16, 8], pages.SelectMany(page => page).Select(item => (int)item!["step"]!));
    }

    private async Task ArePagedNewestFirstAsync(string path, Func<int, Task<Answer>> make)
    {
        List<string> made = [];
        for (var n = 0; n < Rows; n++)
            made.Insert(0, (string)(await make(n)).Json(202)["id"]!);

        var whole = Assert.Single(await Client.PagesAsync(path, 100)).Select(item => (string)item!["id"]!).ToList();
        Assert.Equal(made, whole.Take(Rows));
        var pages = await Client.PagesAsync(path, 2);
        Assert.All(pages.SkipLast(1), page => Assert.Equal(2, page.Count));
        Assert.Equal(whole, pages.SelectMany(page => page).Select(item => (string)item!["id"]!));
    }
}
