using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>A worker that dies while the API lives: another one goes on with what it was doing.</summary>
[Trait("Category", "faults")]
public sealed class WorkerDeathTests(PostgresFixture postgres) : ServiceTests
{
    private const int Steps = 60;
    private const string Training = "\"steps\": 60, \"seed\": 6, \"keepCheckpoints\": 1000, \"checkpointEverySteps\": 6";

    [Fact]
    public async Task Run_IsTakenOverByAnotherWorker_OnceTheLeaseOfTheKilledOneRanOut()
    {
        var settings = SplitService.Settings(Folder, await postgres.CreateDatabaseAsync());
        settings["Worker__LeaseDuration"] = "00:00:05";
        settings["Worker__LeaseRenewal"] = "00:00:01";
        settings["Worker__ReconcileInterval"] = "00:00:01";
        using var client = new DdpmClient(await Start(ServicePrograms.Api, [], settings).UntilListeningAsync());
        var killed = Start(ServicePrograms.Worker, [], settings);
        var dataset = await client.UploadEmojiAsync();
        var run = await client.TrainAsync(dataset, Training);
        await client.UntilAsync($"/training-runs/{run}/checkpoints", "two are there", page => page["items"]!.AsArray().Count >= 2);
        await killed.KillAsync();
        var saved = await client.CheckpointsAsync(run);

        await Start(ServicePrograms.Worker, [], settings).UntilListeningAsync();
        var ended = await client.UntilEndedAsync($"/training-runs/{run}", "succeeded");

        Assert.Equal((Steps, Steps), ((int)ended["step"]!, (int)ended["totalSteps"]!));
        var checkpoints = await client.CheckpointsAsync(run);
        Assert.Equal(Enumerable.Range(1, Steps / 6).Select(n => 6 * n), checkpoints.Select(checkpoint => (int)checkpoint["step"]!));
        Assert.Equal(saved.Select(checkpoint => (string)checkpoint["id"]!), checkpoints.Take(saved.Count).Select(checkpoint => (string)checkpoint["id"]!));
        Assert.InRange(saved.Count, 2, Steps / 6 - 1);
    }
}
