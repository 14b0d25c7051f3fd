using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;
using Npgsql;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>deploy/backup and deploy/restore: what one saves of a service that works, the other makes whole again.</summary>
[Trait("Category", "services")]
public sealed class BackupTests(PostgresFixture postgres) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ABackup_TakenWhileARunGoesOn_IsAWholeServiceAgain()
    {
        var saved = _folder.At("saved");
        string sample, run;
        byte[] grid;
        await using (var before = await ServiceAsync("before", await postgres.NameDatabaseAsync()))
        {
            var client = before.Client;
            var dataset = await client.UploadEmojiAsync();
            var trained = await client.TrainAsync(dataset, "\"steps\": 16, \"checkpointEverySteps\": 8, \"seed\": 1");
            await client.UntilEndedAsync($"/training-runs/{trained}", "succeeded");
            sample = (string)(await client.PostAsync("/samples", $$"""{"trainingRunId": "{{trained}}", "count": 2, "steps": 4, "seed": 3}""", ("Prefer", "wait=60"))).Json(200)["id"]!;
            grid = (await client.GetAsync($"/samples/{sample}/grid.png")).Content("image/png");
            run = await client.TrainAsync(dataset, "\"steps\": 120, \"checkpointEverySteps\": 6, \"seed\": 2");
            await Eventually.BecomesTrueAsync("a checkpoint is there", async () => (await client.GetAsync($"/training-runs/{run}/checkpoints")).Json(200)["items"]!.AsArray().Count > 0);

            await DeployAsync("backup", Uri(before.Database), before.Artifacts, saved);
        }

        Directory.Delete(_folder.At("before"), recursive: true);
        var restored = await postgres.CreateDatabaseAsync();
        await DeployAsync("restore", saved, Uri(restored), _folder.At("after", "artifacts"));
        await using var after = await ServiceAsync("after", restored);

        Assert.Equal(grid, (await after.Client.GetAsync($"/samples/{sample}/grid.png")).Content("image/png"));
        var ended = await after.Client.UntilEndedAsync($"/training-runs/{run}", "succeeded");
        Assert.Equal(120, (int)ended["step"]!);
    }

    [Fact]
    public async Task ABackup_HasTheUploadsThatNoWorkerHasTakenIn()
    {
        var saved = _folder.At("saved");
        string dataset;
        await using (var before = await ServiceAsync("before", await postgres.NameDatabaseAsync(), withWorker: false))
        {
            dataset = (string)(await before.Client.UploadAsync("/datasets", ClientExtensions.Emoji, [("name", "emoji"), ("resolution", "16")])).Json(202)["id"]!;
            await DeployAsync("backup", Uri(before.Database), before.Artifacts, saved);
        }

        var restored = await postgres.CreateDatabaseAsync();
        await DeployAsync("restore", saved, Uri(restored), _folder.At("after", "artifacts"));
        await using var after = await ServiceAsync("after", restored);

        await after.Client.UntilEndedAsync($"/datasets/{dataset}", "succeeded");
    }

    // PostgreSQL's programs are not on every PATH.
    private static Task<string> DeployAsync(string script, params string[] arguments) =>
        Programs.RunAsync("env", [$"PATH={PostgresFixture.RequirePrograms()}:{Environment.GetEnvironmentVariable("PATH")}", "bash", Path.Combine(AppContext.BaseDirectory, "deploy", script), .. arguments]);

    private async Task<Service> ServiceAsync(string name, string connectionString, bool withWorker = true)
    {
        Directory.CreateDirectory(_folder.At(name));
        var settings = new Dictionary<string, string>(SplitService.Settings(_folder, connectionString))
        {
            ["Artifacts__Root"] = _folder.At(name, "artifacts"),
            ["Data__Root"] = _folder.At(name, "data"),
            ["Worker__LeaseDuration"] = "00:00:05",
            ["Worker__LeaseRenewal"] = "00:00:01",
            ["Worker__ReconcileInterval"] = "00:00:01",
        };
        string[] dlls = withWorker ? [ServicePrograms.Api, ServicePrograms.Worker] : [ServicePrograms.Api];
        RunningProgram[] programs = [.. dlls.Select(dll => RunningProgram.Start(dll, [], settings, _folder.At(name)))];
        var client = new DdpmClient(await programs[0].UntilListeningAsync());
        if (withWorker)
            await programs[1].UntilListeningAsync();
        return new Service(client, programs, connectionString, _folder.At(name, "artifacts"));
    }

    private static string Uri(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        return $"postgresql://{settings.Username}@{settings.Host}:{settings.Port}/{settings.Database}";
    }

    private sealed record Service(DdpmClient Client, RunningProgram[] Programs, string Database, string Artifacts) : IAsyncDisposable
    {
        // As when a machine is lost.
        public async ValueTask DisposeAsync()
        {
            Client.Dispose();
            foreach (var program in Programs)
                await program.DisposeAsync();
        }
    }
}
