using System.Text.Json.Nodes;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Running;

/// <summary>What most tests do first: upload pictures, train on them, wait.</summary>
internal static class ClientExtensions
{
    /// <summary>Long enough for the busiest machine; what hangs is still told.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    /// <summary>Questions cost the machine, too.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    public static byte[] Emoji { get; } = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "data", "emoji.zip"));

    /// <summary>Uploads 24 pictures.</summary>
    /// <returns>The id of the dataset, which has been built.</returns>
    public static async Task<string> UploadEmojiAsync(this DdpmClient client)
    {
        var dataset = (await client.UploadAsync("/datasets", Emoji, [("name", "emoji"), ("resolution", "16")])).Json(202);
        var id = (string)dataset["id"]!;
        await client.UntilEndedAsync($"/datasets/{id}", "succeeded");
        return id;
    }

    /// <summary>Trains a network that a busy core steps through in some hundredths of a second.</summary>
    /// <param name="client">Whose.</param>
    /// <param name="dataset">Of 16 × 16 pictures.</param>
    /// <param name="training">The fields of <c>training</c>.</param>
    /// <returns>The id of the run, which has been accepted.</returns>
    public static async Task<string> TrainAsync(this DdpmClient client, string dataset, string training) =>
        (string)(await client.PostAsync("/training-runs", TinyRun(dataset, training))).Json(202)["id"]!;

    /// <summary>The body of a request for such a run. Ten timesteps make its previews cheap.</summary>
    public static string TinyRun(string dataset, string training) => $$"""
        {
          "datasetId": "{{dataset}}",
          "network": {"blockOutChannels": [16, 32], "layersPerBlock": 1, "normNumGroups": 8},
          "schedule": {"timesteps": 10},
          "training": {"batchSize": 4, "learningRate": 0.001, "warmupSteps": 5, "previewEveryEpochs": 100000, {{training}}}
        }
        """;

    /// <summary>Waits for a dataset, run or sample request to end as expected.</summary>
    /// <returns>How it looks then.</returns>
    public static async Task<JsonNode> UntilEndedAsync(this DdpmClient client, string path, string status)
    {
        var view = await client.UntilAsync(path, "it has ended", view => (string?)view["status"] is "succeeded" or "failed" or "cancelled");
        Assert.True((string?)view["status"] == status, $"{path} was to end as {status}: {view}");
        return view;
    }

    /// <summary>Waits for a resource to look as expected.</summary>
    public static async Task<JsonNode> UntilAsync(this DdpmClient client, string path, string what, Func<JsonNode, bool> condition)
    {
        JsonNode? view = null;
        await Eventually.BecomesTrueAsync($"{path}: {what}", async () => condition(view = (await client.GetAsync(path)).Json(200)), Limit, Pause);
        return view!;
    }

    /// <summary>Deletes what may still be worked on, asking again where the service says so.</summary>
    public static Task UntilDeletedAsync(this DdpmClient client, string path) => Eventually.BecomesTrueAsync(
        $"{path} can be deleted",
        async () =>
        {
            var answer = await client.DeleteAsync(path);
            answer.RequireStatus(204, 409);
            return answer.Status == 204;
        },
        Limit,
        Pause);

    /// <summary>Follows the cursors from the first page to the last.</summary>
    /// <returns>The items of each page.</returns>
    public static async Task<List<JsonArray>> PagesAsync(this DdpmClient client, string path, int limit)
    {
        List<JsonArray> pages = [];
        for (string? cursor = null; pages.Count == 0 || cursor is not null;)
        {
            var page = (await client.GetAsync($"{path}?limit={limit}{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}")).Json(200);
            pages.Add(page["items"]!.AsArray());
            cursor = (string?)page["nextCursor"];
        }

        return pages;
    }

    /// <summary>A run's checkpoints, oldest first.</summary>
    public static async Task<List<JsonNode>> CheckpointsAsync(this DdpmClient client, string run) =>
        [.. (await client.GetAsync($"/training-runs/{run}/checkpoints?limit=100")).Json(200)["items"]!.AsArray().Select(item => item!).OrderBy(item => (long)item["step"]!)];
}
