using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>Stopping, going on and deleting.</summary>
public sealed class ControlTests(SplitService service) : SplitServiceTests(service)
{
    private const string Endless = "\"steps\": 1000000, \"seed\": 2";

    [Fact]
    public async Task Run_GoesOnFromWhereItWasStopped_WhenItIsResumedForMoreSteps()
    {
        var run = await Client.TrainAsync(Dataset, Endless);
        await Client.UntilAsync($"/training-runs/{run}", "it has begun", view => (int)view["step"]! > 0);
        var stopped = (await Client.PostAsync($"/training-runs/{run}/cancel", "", ("Prefer", "wait=60"))).Json(200);
        Assert.Equal("cancelled", (string?)stopped["status"]);
        var step = (int)stopped["step"]!;
        Assert.Equal(step, (int)Assert.Single(await Client.CheckpointsAsync(run))["step"]!);

        (await Client.PostAsync($"/training-runs/{run}/resume", $$"""{"steps": {{step}}}""")).RequireStatus(400);
        Assert.Equal("queued", (string?)(await Client.PostAsync($"/training-runs/{run}/resume", $$"""{"steps": {{step + 3}}}""")).Json(202)["status"]);
        var ended = await Client.UntilEndedAsync($"/training-runs/{run}", "succeeded");
        Assert.Equal((step + 3, step + 3), ((int)ended["step"]!, (int)ended["totalSteps"]!));
        Assert.Equal([step, step + 3], (await Client.CheckpointsAsync(run)).Select(checkpoint => (int)checkpoint["step"]!));
    }

    [Fact]
    public async Task Resume_MakesOneJob_WhenManyComeAtOnce()
    {
        var run = await Client.TrainAsync(Dataset, "\"steps\": 1, \"seed\": 3");
        await Client.UntilEndedAsync($"/training-runs/{run}", "succeeded");

        var withKey = await DdpmClient.AtOnceAsync(6, () => Client.PostAsync($"/training-runs/{run}/resume", """{"steps": 2}""", ("Idempotency-Key", "resume"), ("Prefer", "wait=60")));
        Assert.All(withKey, answer => Assert.Equal("succeeded", (string?)answer.Json(200)["status"]));
        var without = await DdpmClient.AtOnceAsync(6, () => Client.PostAsync($"/training-runs/{run}/resume", """{"steps": 3}"""));
        Assert.Equal([202, 409, 409, 409, 409, 409], without.Select(answer => answer.Status).Order());
        Assert.Equal(3, (int)(await Client.UntilEndedAsync($"/training-runs/{run}", "succeeded"))["step"]!);
    }

    [Fact]
    public async Task Queued_TellsItsPosition_AndIsCancelledAtOnce()
    {
        var first = await Client.TrainAsync(Dataset, Endless);
        await Client.UntilAsync($"/training-runs/{first}", "it runs", view => (string?)view["status"] == "running");
        var (second, third) = (await Client.TrainAsync(Dataset, Endless), await Client.TrainAsync(Dataset, Endless));

        Assert.Equal(0, (int)(await Client.GetAsync($"/training-runs/{second}")).Json(200)["queuePosition"]!);
        Assert.Equal(1, (int)(await Client.GetAsync($"/training-runs/{third}")).Json(200)["queuePosition"]!);
        foreach (var queued in new[] { third, second })
            Assert.Equal("cancelled", (string?)(await Client.PostAsync($"/training-runs/{queued}/cancel", "")).Json(200)["status"]);
        (await Client.PostAsync($"/training-runs/{first}/cancel", "", ("Prefer", "wait=60"))).RequireStatus(200);
    }

    [Fact]
    public async Task Samples_AreGone_OnceDeleted()
    {
        var sample = (string)(await Client.PostAsync(
            "/samples", $$"""{"trainingRunId": "{{Service.TrainedId}}", "count": 1}""", ("Prefer", "wait=60"))).Json(200)["links"]!["self"]!;
        (await Client.GetAsync($"{sample}/images/0.png")).Content("image/png");
        (await Client.DeleteAsync(sample)).RequireStatus(204);
        foreach (var gone in new[] { sample, $"{sample}/grid.png", $"{sample}/images/0.png" })
            (await Client.GetAsync(gone)).RequireStatus(404);
        (await Client.DeleteAsync(sample)).RequireStatus(404);
    }

    [Fact]
    public async Task Samples_AreStopped_WhenTheyAreDeletedWhileDrawn()
    {
        var sample = (string)(await Client.PostAsync("/samples", """{"count": 256, "sampler": "ddpm"}""")).Json(202)["links"]!["self"]!;
        await Client.UntilAsync(sample, "it is being drawn", view => (double)view["progress"]! > 0);
        // The worker is given a few seconds to stop; whoever asks again then finds it stopped.
        await Client.UntilDeletedAsync(sample);
        (await Client.GetAsync(sample)).RequireStatus(404);
    }

    [Fact]
    public async Task DatasetAndCheckpoint_StayWhileTheyAreNeeded_AndGoAfterwards()
    {
        var dataset = await Client.UploadEmojiAsync();
        var run = await Client.TrainAsync(dataset, Endless);
        await Client.UntilAsync($"/training-runs/{run}", "it has begun", view => (int)view["step"]! > 0);
        (await Client.DeleteAsync($"/datasets/{dataset}")).RequireStatus(409);
        (await Client.PostAsync($"/training-runs/{run}/cancel", "", ("Prefer", "wait=60"))).RequireStatus(200);

        var checkpoint = (string)Assert.Single(await Client.CheckpointsAsync(run))["id"]!;
        (await Client.PutAsync("/models/kept", $$"""{"checkpointId": "{{checkpoint}}"}""")).RequireStatus(201);
        (await Client.DeleteAsync($"/checkpoints/{checkpoint}")).RequireStatus(409);
        (await Client.DeleteAsync("/models/kept")).RequireStatus(204);
        (await Client.DeleteAsync($"/checkpoints/{checkpoint}")).RequireStatus(204);
        (await Client.DeleteAsync($"/datasets/{dataset}")).RequireStatus(204);
        foreach (var gone in new[] { "/models/kept", $"/checkpoints/{checkpoint}", $"/datasets/{dataset}" })
            (await Client.GetAsync(gone)).RequireStatus(404);
        (await Client.GetAsync($"/training-runs/{run}")).RequireStatus(200);
    }

    private string Dataset => (string)Service.Trained["datasetId"]!;
}
