using System.Collections.Concurrent;
using System.Globalization;

namespace Ddpm.Faults.Clusters;

/// <summary>What is asked of a cluster: runs and pictures whose results are known from a cluster that was left alone, since each kind is asked for again and again.</summary>
internal sealed class Workload(Cluster cluster, int trainingSteps)
{
    private const int Seeds = 3;
    private const int CheckpointEvery = 20;

    /// <summary>Checkpoints of a run that stay, besides the best.</summary>
    public const int KeepCheckpoints = 2;

    /// <summary>The setting that a request for too much names.</summary>
    public const string Limit = "Worker:MaxMemoryBytes";

    private readonly ConcurrentQueue<string> _accepted = new();
    private readonly ConcurrentQueue<string> _hopeless = new();
    private string _dataset = "";

    /// <summary>Paths of all that was accepted.</summary>
    public IReadOnlyCollection<string> Accepted => [.. _accepted, .. Side.Accepted];

    /// <summary>Datasets, imports and evaluations.</summary>
    public SideWork Side { get; } = new(cluster, File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "data", "emoji.zip")));

    /// <summary>Paths of what no worker has the memory for.</summary>
    public IReadOnlyCollection<string> Hopeless => _hopeless;

    /// <summary>SHA-256 of the weights that every run must end in.</summary>
    public string Weights { get; private set; } = "";

    /// <summary>SHA-256 of all pictures of each seed, its grid among them.</summary>
    public Dictionary<int, string> Pictures { get; } = [];

    /// <summary>Steps of every run.</summary>
    public int TrainingSteps => trainingSteps;

    /// <summary>Uploads the pictures and has everything done once, undisturbed.</summary>
    public async Task PrepareAsync()
    {
        var limit = TimeSpan.FromMinutes(3);
        _dataset = await Side.PrepareDatasetAsync();
        var run = await cluster.User.UntilSucceededAsync(await TrainAsync(), limit);
        var checkpoints = await cluster.User.GetAsync($"/training-runs/{run["id"]}/checkpoints?limit=100");
        var last = checkpoints["items"]!.AsArray().MaxBy(item => (long)item!["step"]!)!;
        Weights = (string)last["sha256"]!;
        await Side.PrepareAsync(last);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var sample = await cluster.User.UntilSucceededAsync(await SampleAsync(seed), limit);
            Pictures[seed] = await PicturesAsync((string)sample["id"]!);
        }
    }

    /// <summary>Asks for a run.</summary>
    /// <returns>Its path.</returns>
    public Task<string> TrainAsync() => AskAsync("/training-runs", string.Create(CultureInfo.InvariantCulture, $$"""
        {
          "datasetId": "{{_dataset}}",
          "network": {"blockOutChannels": [16, 32], "layersPerBlock": 1, "normNumGroups": 8},
          "schedule": {"timesteps": 10},
          "training": {"batchSize": 4, "learningRate": 0.001, "warmupSteps": 5, "previewEveryEpochs": 100, "seed": 1, "steps": {{trainingSteps}},
            "checkpointEverySteps": {{CheckpointEvery}}, "keepCheckpoints": {{KeepCheckpoints}}}
        }
        """));

    /// <summary>Asks for pictures of the shipped model: a second or so of work.</summary>
    /// <param name="seed">From 0 to 2.</param>
    /// <returns>Their path.</returns>
    public Task<string> SampleAsync(int seed) =>
        AskAsync("/samples", string.Create(CultureInfo.InvariantCulture, $$"""{"count": 4, "steps": 20, "sampler": "ddim", "seed": {{seed}}}"""));

    /// <summary>Asks for more pictures at once than a worker of the cluster gives memory for.</summary>
    /// <returns>Their path.</returns>
    public async Task<string> SampleTooMuchAsync()
    {
        var path = await AskAsync("/samples", """{"count": 256, "steps": 20, "sampler": "ddim", "seed": 0, "trajectory": true}""");
        _hopeless.Enqueue(path);
        return path;
    }

    /// <summary>Asks for pictures until so many wait or are drawn, and for runs likewise; and now and then for something else. What a killed or frozen worker held, and nobody has taken back yet, is none of them: others would have nothing to do.</summary>
    public async Task TopUpAsync(Random random, int runs, int samples)
    {
        var (activeRuns, activeSamples) = (await CountUnderWayAsync("Training"), await CountUnderWayAsync("Sampling"));
        for (; activeRuns < runs; activeRuns++)
            await TrainAsync();
        for (; activeSamples < samples; activeSamples++)
            await SampleAsync(random.Next(Seeds));
        await Side.TopUpAsync(random, CountUnderWayAsync);
    }

    /// <summary>Changes its mind about something that runs, if anything does.</summary>
    public async Task CancelOneAsync(Random random)
    {
        var running = await cluster.History.TextsAsync("""
            SELECT coalesce('/training-runs/' || r."Id", '/samples/' || b."Id", '/evaluations/' || e."Id")
            FROM "Jobs" j LEFT JOIN "TrainingRuns" r ON r."JobId" = j."Id" LEFT JOIN "SampleBatches" b ON b."JobId" = j."Id" LEFT JOIN "Evaluations" e ON e."JobId" = j."Id"
            WHERE j."Status" = 'Running' AND j."Kind" IN ('Training', 'Sampling', 'Evaluation') ORDER BY j."Id"
            """);
        if (running.Count > 0)
            await cluster.User.CancelAsync(running[random.Next(running.Count)]);
    }

    /// <summary>Waits until all that was accepted has ended.</summary>
    public async Task SettleAsync(TimeSpan limit)
    {
        var until = DateTime.UtcNow + limit;
        while (await CountActiveAsync() is var active and > 0)
        {
            if (DateTime.UtcNow > until)
            {
                var left = await cluster.History.TextsAsync("""
                    SELECT concat_ws(' ', j."Kind", j."Id", j."Status", 'epoch', j."LeaseEpoch", j."Owner", 'until', j."LeaseExpiresAt", 'carried by', j."DispatchId", h.statename, 'queued', (SELECT string_agg(concat('for ', q.queue, ' fetched ', q.fetchedat), ', ') FROM hangfire.jobqueue q WHERE q.jobid = h.id))
                    FROM "Jobs" j LEFT JOIN hangfire.job h ON h.id::text = j."DispatchId" WHERE j."Status" IN ('Queued', 'Running')
                    """);
                throw new TimeoutException($"{active} jobs have not ended within {limit}: {string.Join("; ", left)}\n{cluster.Describe()}");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(300));
        }
    }

    /// <summary>SHA-256 of the pictures that a sample request ended in.</summary>
    public async Task<string> PicturesAsync(string sampleId)
    {
        var key = Assert.Single(await cluster.History.TextsAsync($"""SELECT coalesce("ArtifactKey", 'nowhere') FROM "SampleBatches" WHERE "Id" = '{sampleId}'"""));
        return cluster.HashOf(key);
    }

    private async Task<string> AskAsync(string path, string body)
    {
        var view = await cluster.User.PostAsync(path, body);
        var accepted = $"{path}/{view["id"]}";
        _accepted.Enqueue(accepted);
        return accepted;
    }

    private async Task<int> CountUnderWayAsync(string kind)
    {
        var owners = await cluster.History.TextsAsync($"""
            SELECT CASE "Status" WHEN 'Queued' THEN '' ELSE "Owner" END FROM "Jobs" WHERE "Status" IN ('Queued', 'Running') AND "Kind" = '{kind}'
            """);
        return owners.Count(owner => owner.Length == 0 || cluster.Awake.Any(worker => worker.IsOwner(owner)));
    }

    private async Task<int> CountActiveAsync() =>
        (await cluster.History.RowsAsync("""SELECT count(*) FROM "Jobs" WHERE "Status" IN ('Queued', 'Running')""", row => (int)row.GetInt64(0)))[0];
}
