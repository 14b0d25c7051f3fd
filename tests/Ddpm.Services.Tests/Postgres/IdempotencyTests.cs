using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>Requests that come twice, one after the other or at once, where connections really run side by side.</summary>
public sealed class IdempotencyTests(SplitService service) : SplitServiceTests(service)
{
    private const int AtOnce = 6;

    [Fact]
    public async Task SameKeyAndBody_MakeOneResource_WhenTheyComeAtOnce()
    {
        foreach (var (path, body) in Requests())
        {
            var answers = await DdpmClient.AtOnceAsync(AtOnce, () => Client.PostAsync(path, body, ("Idempotency-Key", "at-once")));
            Assert.Single(answers.Select(answer => (string)answer.Json(202)["id"]!).Distinct());
        }
    }

    [Fact]
    public async Task SameKey_IsRefused_WhenItComesWithAnotherBody()
    {
        foreach (var (path, body) in Requests())
        {
            (await Client.PostAsync(path, body, ("Idempotency-Key", "twice"))).RequireStatus(202);
            var refused = (await Client.PostAsync(path, body.Replace("\"seed\": 7", "\"seed\": 8", StringComparison.Ordinal), ("Idempotency-Key", "twice"))).Json(422);
            Assert.Contains("twice", (string)refused["detail"]!, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Upload_MakesOneDataset_WhenItComesTwiceWithOneKey()
    {
        var answers = await DdpmClient.AtOnceAsync(AtOnce, () => Client.UploadAsync("/datasets", ClientExtensions.Emoji, [("resolution", "8")], ("Idempotency-Key", "upload")));
        var id = Assert.Single(answers.Select(answer => (string)answer.Json(202)["id"]!).Distinct());
        await Client.UntilEndedAsync($"/datasets/{id}", "succeeded");
        (await Client.UploadAsync("/datasets", ClientExtensions.Emoji, [("resolution", "16")], ("Idempotency-Key", "upload"))).RequireStatus(422);
    }

    [Fact]
    public async Task Name_IsGivenOnce_WhenManyWantItAtOnce()
    {
        var checkpoint = await CheckpointAsync();
        var answers = await DdpmClient.AtOnceAsync(AtOnce, () => Client.PostAsync("/models", $$"""{"name": "wanted", "checkpointId": "{{checkpoint}}"}"""));
        Assert.Equal([201, 409, 409, 409, 409, 409], answers.Select(answer => answer.Status).Order());
    }

    [Fact]
    public async Task Name_IsGivenToAll_WhenTheyAreOneRequestSentAtOnce()
    {
        var checkpoint = await CheckpointAsync();
        for (var round = 0; round < 5; round++)
        {
            var body = $$"""{"name": "one-request-{{round}}", "checkpointId": "{{checkpoint}}"}""";
            var key = ("Idempotency-Key", $"one-{round}");
            Assert.All(await DdpmClient.AtOnceAsync(AtOnce, () => Client.PostAsync("/models", body, key)), answer => answer.RequireStatus(201));
        }
    }

    [Fact]
    public async Task Put_SucceedsForAll_WhenManyMakeTheNameAtOnce()
    {
        var checkpoint = await CheckpointAsync();
        var answers = await DdpmClient.AtOnceAsync(AtOnce, () => Client.PutAsync("/models/put-at-once", $$"""{"checkpointId": "{{checkpoint}}"}"""));
        Assert.All(answers, answer => answer.Json(200, 201));
        Assert.Single(answers, answer => answer.Status == 201);
    }

    private (string Path, string Body)[] Requests() =>
    [
        ("/datasets", """{"source": {"kind": "builtin", "name": "faces", "count": 1, "seed": 7}, "resolution": 8}"""),
        ("/training-runs", ClientExtensions.TinyRun((string)Service.Trained["datasetId"]!, "\"steps\": 1, \"seed\": 7")),
        ("/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 1, "steps": 1, "seed": 7}"""),
    ];

    private async Task<string> CheckpointAsync() => (string)(await Client.CheckpointsAsync(Service.TrainedId))[^1]["id"]!;
}
