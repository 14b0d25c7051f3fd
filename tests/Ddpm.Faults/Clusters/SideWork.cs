using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Ddpm.Faults.Clusters;

/// <summary>What is asked of a cluster beside runs and pictures: datasets, imports of models and evaluations, always the same ones, so that their results are known.</summary>
/// <param name="cluster">Where.</param>
/// <param name="pictures">A zip for the datasets.</param>
internal sealed class SideWork(Cluster cluster, byte[] pictures)
{
    /// <summary>The pictures of a dataset, below its cache.</summary>
    public const string PixelsFile = "images.u8";

    private const double Wanted = 0.25; // of the turns, where none is under way

    private readonly ConcurrentQueue<string> _accepted = new();
    private byte[] _model = [];
    private string _dataset = "";
    private string _checkpoint = "";

    /// <summary>Paths of all that was accepted.</summary>
    public IReadOnlyCollection<string> Accepted => _accepted;

    /// <summary>SHA-256 of the file of pictures of every dataset.</summary>
    public string Pictures { get; private set; } = "";

    /// <summary>SHA-256 of the weights of every imported model.</summary>
    public string Weights { get; private set; } = "";

    /// <summary>Numbers and pictures that every evaluation must end in.</summary>
    public string Findings { get; private set; } = "";

    /// <summary>Has a dataset built, undisturbed.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> PrepareDatasetAsync()
    {
        var view = await SucceedsAsync(await UploadDatasetAsync());
        Pictures = Assert.Single(await cluster.History.TextsAsync($"""SELECT "Sha256" FROM "Datasets" WHERE "Id" = '{view["id"]}'"""));
        return _dataset = (string)view["id"]!;
    }

    /// <summary>Has a checkpoint taken in and measured, undisturbed.</summary>
    /// <param name="checkpoint">As it is answered.</param>
    public async Task PrepareAsync(JsonNode checkpoint)
    {
        (_checkpoint, Weights) = ((string)checkpoint["id"]!, (string)checkpoint["sha256"]!);
        _model = await cluster.User.DownloadAsync($"/checkpoints/{_checkpoint}/archive");
        await SucceedsAsync(await ImportAsync());
        var evaluation = await SucceedsAsync(await EvaluateAsync());
        Findings = await FindingsAsync((string)evaluation["id"]!);
    }

    /// <summary>Asks now and then for one of each, where none is under way.</summary>
    /// <param name="random">Decides.</param>
    /// <param name="countAsync">How many jobs of a kind are under way.</param>
    public async Task TopUpAsync(Random random, Func<string, Task<int>> countAsync)
    {
        foreach (var (kind, ask) in ((string, Func<Task<string>>)[])[("Dataset", UploadDatasetAsync), ("ModelImport", ImportAsync), ("Evaluation", EvaluateAsync)])
        {
            if (random.NextDouble() < Wanted && await countAsync(kind) == 0)
                await ask();
        }
    }

    /// <summary>What an evaluation has come to.</summary>
    public async Task<string> FindingsAsync(string evaluation)
    {
        var (results, key) = Assert.Single(await cluster.History.RowsAsync(
            $"""SELECT "Results"::text, "ArtifactKey" FROM "Evaluations" WHERE "Id" = '{evaluation}'""", row => (row.IsDBNull(0) ? "no results" : row.GetString(0), row.IsDBNull(1) ? "nowhere" : row.GetString(1))));
        return $"{results} {cluster.HashOf(key)}";
    }

    private Task<string> UploadDatasetAsync() => AcceptedAsync("/datasets", "id", cluster.User.UploadAsync("/datasets", pictures, ("resolution", "16")));

    private Task<string> ImportAsync() => AcceptedAsync(
        "/models", "name", cluster.User.UploadAsync("/models", _model, ("name", string.Create(CultureInfo.InvariantCulture, $"model-{_accepted.Count}"))));

    private Task<string> EvaluateAsync() => AcceptedAsync("/evaluations", "id", cluster.User.PostAsync("/evaluations", $$"""
        {"datasetId": "{{_dataset}}", "checkpointId": "{{_checkpoint}}", "metrics": ["bits-per-dim", "swd", "nearest"], "images": 64, "steps": 10, "terms": 10, "seed": 1}
        """));

    private async Task<string> AcceptedAsync(string path, string id, Task<JsonNode> answer)
    {
        var accepted = $"{path}/{(await answer)[id]}";
        _accepted.Enqueue(accepted);
        return accepted;
    }

    private Task<JsonNode> SucceedsAsync(string path) => cluster.User.UntilSucceededAsync(path, TimeSpan.FromMinutes(3));
}
