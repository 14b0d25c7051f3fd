using System.Globalization;
using System.Text.Json.Nodes;
using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Serving;

/// <summary>A run survives the end of the process that trains it, however that came, and ends in the weights it would have had anyway.</summary>
[Trait("Category", "faults")]
public sealed class RestartTests : ServeTests
{
    private const int Steps = 60;

    [Fact]
    public async Task Run_GoesOnByItself_WhenTheProcessWasKilled()
    {
        var (killed, before) = await ServeAsync();
        var dataset = await before.UploadEmojiAsync();
        var run = await before.TrainAsync(dataset, Training(checkpointEvery: 6));
        List<int> saved = [];
        await before.UntilAsync($"/training-runs/{run}/checkpoints", "two are there", page => (saved = StepsOf(page)).Count >= 2);
        await killed.KillAsync();
        var restarted = DateTimeOffset.UtcNow;

        var (_, after) = await ServeAsync();
        var ended = await after.UntilEndedAsync($"/training-runs/{run}", "succeeded");
        Assert.Equal((Steps, Steps), ((int)ended["step"]!, (int)ended["totalSteps"]!));
        var checkpoints = await after.CheckpointsAsync(run);
        Assert.Equal(Enumerable.Range(1, Steps / 6).Select(n => 6 * n), checkpoints.Select(checkpoint => (int)checkpoint["step"]!));
        await AssertWasNotRepeatedAsync(after, run, saved.Max(), restarted);
        await AssertIsAsUndisturbedAsync(after, run, dataset, Training(checkpointEvery: 6));
    }

    [Theory, InlineData("TERM"), InlineData("INT")]
    public async Task Run_IsSavedAndHandedBack_WhenTheProcessIsAskedToStop(string signal)
    {
        var (stopped, before) = await ServeAsync();
        var dataset = await before.UploadEmojiAsync();
        var run = await before.TrainAsync(dataset, Training(checkpointEvery: Steps));
        await before.UntilAsync($"/training-runs/{run}", "it has begun", view => (int)view["step"]! > 0);
        var (status, time) = await stopped.SignalAsync(signal);
        Assert.Equal(0, status);
        Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(30));

        var (looking, onlooker) = await LookAsync();
        var waiting = (await onlooker.GetAsync($"/training-runs/{run}")).Json(200);
        Assert.Equal("queued", (string?)waiting["status"]);
        var saved = (int)Assert.Single(await onlooker.CheckpointsAsync(run))["step"]!;
        Assert.InRange(saved, 1, Steps - 1);
        Assert.Equal(saved, (int)waiting["step"]!);
        await looking.SignalAsync("TERM");
        var restarted = DateTimeOffset.UtcNow;

        var (_, after) = await ServeAsync();
        await after.UntilEndedAsync($"/training-runs/{run}", "succeeded");
        Assert.Equal([saved, Steps], (await after.CheckpointsAsync(run)).Select(checkpoint => (int)checkpoint["step"]!));
        await AssertWasNotRepeatedAsync(after, run, saved, restarted);
        if (signal == "TERM")
            await AssertIsAsUndisturbedAsync(after, run, dataset, Training(checkpointEvery: Steps));
    }

    private static string Training(int checkpointEvery) =>
        $"\"steps\": {Steps}, \"seed\": 5, \"emaDecay\": 0.9, \"keepCheckpoints\": 1000, \"checkpointEverySteps\": {checkpointEvery}";

    private static List<int> StepsOf(JsonNode page) => [.. page["items"]!.AsArray().Select(item => (int)item!["step"]!)];

    // Every step has its point, once; those up to the checkpoint stem from before, those after it from afterwards.
    private static async Task AssertWasNotRepeatedAsync(DdpmClient client, string run, int saved, DateTimeOffset restarted)
    {
        var points = (await client.GetAsync($"/training-runs/{run}/metrics")).Json(200).AsArray();
        Assert.Equal(Enumerable.Range(1, Steps), points.Select(point => (int)point!["step"]!));
        Assert.All(points, point => Assert.Equal(
            (int)point!["step"]! > saved, DateTimeOffset.Parse((string)point["at"]!, CultureInfo.InvariantCulture) > restarted));
    }

    private static async Task AssertIsAsUndisturbedAsync(DdpmClient client, string run, string dataset, string training)
    {
        var undisturbed = await client.TrainAsync(dataset, training);
        await client.UntilEndedAsync($"/training-runs/{undisturbed}", "succeeded");
        Assert.Equal(await FinalWeightsAsync(client, undisturbed), await FinalWeightsAsync(client, run));
    }

    private static async Task<string> FinalWeightsAsync(DdpmClient client, string run)
    {
        var final = (await client.CheckpointsAsync(run))[^1];
        Assert.Equal(Steps, (int)final["step"]!);
        return (string)final["sha256"]!;
    }
}
