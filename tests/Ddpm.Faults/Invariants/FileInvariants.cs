using System.Globalization;
using System.Security.Cryptography;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Invariants;

/// <summary>What must hold of the files: rows name only what is whole, results are those of an undisturbed cluster, and nothing is left behind.</summary>
internal static class FileInvariants
{
    private static readonly TimeSpan LongestSweep = TimeSpan.FromSeconds(90);

    /// <summary>All violations, in words.</summary>
    public static async Task<List<string>> ViolationsAsync(Cluster cluster, Workload workload) =>
    [
        .. await CheckpointsAsync(cluster),
        .. await ResultsAsync(cluster, workload),
        .. await LeftoversAsync(cluster),
    ];

    private static async Task<List<string>> CheckpointsAsync(Cluster cluster)
    {
        var rows = await cluster.History.RowsAsync("""SELECT "ArtifactKey", "Sha256" FROM "Checkpoints" """, row => (Key: row.GetString(0), Sha256: row.GetString(1)));
        List<string> violations = [];
        foreach (var (key, sha256) in rows.Where(row => !cluster.Torn.Contains(row.Key)))
        {
            var file = Path.Combine(cluster.Artifacts, key, Cluster.Weights);
            if (!File.Exists(file))
                violations.Add($"a row names {key}, which has no weights");
            else if (await HashAsync(file) != sha256)
                violations.Add($"the weights of {key} are not those that its row names");
            var sums = Path.Combine(cluster.Artifacts, key, "training", "SHA256SUMS");
            foreach (var sum in File.Exists(sums) ? await File.ReadAllLinesAsync(sums) : [])
            {
                var (hash, name) = (sum[..64], sum[66..]);
                if (await HashAsync(Path.Combine(cluster.Artifacts, key, name)) != hash)
                    violations.Add($"{name} of {key} is not what was written");
            }
        }

        var named = await cluster.History.TextsAsync(
            """
            SELECT "ArtifactKey" FROM "TrainingPreviews" UNION ALL SELECT "LossCurveKey" FROM "TrainingRuns" WHERE "LossCurveKey" IS NOT NULL UNION ALL SELECT "CacheKey" FROM "Datasets" WHERE "CacheKey" IS NOT NULL
            UNION ALL SELECT "PreviewKey" FROM "Datasets" WHERE "PreviewKey" IS NOT NULL UNION ALL SELECT "ArtifactKey" FROM "Evaluations" WHERE "ArtifactKey" IS NOT NULL
            """);
        violations.AddRange(named.Where(key => !Path.Exists(Path.Combine(cluster.Artifacts, key))).Select(key => $"a row names {key}, which is not there"));
        return violations;
    }

    private static async Task<List<string>> ResultsAsync(Cluster cluster, Workload workload)
    {
        List<string> violations = [];
        var ends = await cluster.History.RowsAsync(
            """
            SELECT r."Id"::text, (SELECT c."Sha256" FROM "Checkpoints" c WHERE c."TrainingRunId" = r."Id" ORDER BY c."Step" DESC LIMIT 1)
            FROM "TrainingRuns" r JOIN "Jobs" j ON j."Id" = r."JobId" WHERE j."Status" = 'Succeeded'
            """,
            row => (Id: row.GetString(0), Sha256: row.IsDBNull(1) ? null : row.GetString(1)));
        violations.AddRange(ends.Where(run => run.Sha256 != workload.Weights).Select(run => $"run {run.Id} ended in other weights than an undisturbed one"));

        var samples = await cluster.History.RowsAsync(
            """SELECT b."Id"::text, (b."Spec" ->> 'seed') FROM "SampleBatches" b JOIN "Jobs" j ON j."Id" = b."JobId" WHERE j."Status" = 'Succeeded'""",
            row => (Id: row.GetString(0), Seed: row.GetString(1)));
        foreach (var (id, seed) in samples)
        {
            if (await workload.PicturesAsync(id) != workload.Pictures[int.Parse(seed, CultureInfo.InvariantCulture)])
                violations.Add($"sample {id} shows other pictures than an undisturbed one");
        }

        return [.. violations, .. await SideResultsAsync(cluster, workload.Side)];
    }

    private static async Task<List<string>> SideResultsAsync(Cluster cluster, SideWork side)
    {
        List<string> violations =
        [
            .. await cluster.History.TextsAsync(
                $"""SELECT 'model ' || m."Name" || ' has other weights than what was imported' FROM "Models" m JOIN "Checkpoints" c ON c."Id" = m."CheckpointId" WHERE m."JobId" IS NOT NULL AND c."Sha256" <> '{side.Weights}'"""),
        ];
        foreach (var cache in await cluster.History.TextsAsync("""SELECT "CacheKey" FROM "Datasets" WHERE "CacheKey" IS NOT NULL"""))
        {
            if (await HashAsync(Path.Combine(cluster.Artifacts, cache, SideWork.PixelsFile)) != side.Pictures)
                violations.Add($"{cache} has other pictures than an undisturbed one");
        }

        foreach (var evaluation in await cluster.History.TextsAsync("""SELECT e."Id"::text FROM "Evaluations" e JOIN "Jobs" j ON j."Id" = e."JobId" WHERE j."Status" = 'Succeeded'"""))
        {
            if (await side.FindingsAsync(evaluation) is var findings && findings != side.Findings)
                violations.Add($"evaluation {evaluation} found something else than an undisturbed one: {findings} instead of {side.Findings}");
        }

        return violations;
    }

    // The service sweeps in its own time, which the cluster's settings make short.
    private static async Task<List<string>> LeftoversAsync(Cluster cluster)
    {
        var until = DateTime.UtcNow + LongestSweep;
        while (true)
        {
            var left = await LeftNowAsync(cluster);
            if (left.Count == 0 || DateTime.UtcNow > until)
                return left;
            await Task.Delay(TimeSpan.FromSeconds(2));
        }
    }

    private static async Task<List<string>> LeftNowAsync(Cluster cluster)
    {
        var named = (await cluster.History.TextsAsync(
            """
            SELECT "ArtifactKey" FROM "SampleBatches" WHERE "ArtifactKey" IS NOT NULL UNION ALL SELECT "ArtifactKey" FROM "Checkpoints" UNION ALL SELECT "ArtifactKey" FROM "Evaluations" WHERE "ArtifactKey" IS NOT NULL
            UNION ALL SELECT "CacheKey" FROM "Datasets" WHERE "CacheKey" IS NOT NULL UNION ALL SELECT "PreviewKey" FROM "Datasets" WHERE "PreviewKey" IS NOT NULL
            UNION ALL SELECT 'datasets/' || "Id" || '/features' FROM "Datasets" WHERE "DeletedAt" IS NULL
            UNION ALL SELECT "ArtifactKey" FROM "TrainingPreviews" UNION ALL SELECT "LossCurveKey" FROM "TrainingRuns" WHERE "LossCurveKey" IS NOT NULL
            """)).ToHashSet(StringComparer.Ordinal);
        List<string> left = [.. Entries(cluster, ".staging"), .. Entries(cluster, "uploads"), .. Entries(cluster, "models").Where(model => !named.Contains(model))];
        foreach (var attempt in ((string[])["samples", "evaluations", "datasets"]).SelectMany(folder => Entries(cluster, folder)).SelectMany(work => Entries(cluster, work)).Where(attempt => !named.Contains(attempt)))
        {
            // A dataset's names what is in it.
            var files = attempt.StartsWith("datasets/", StringComparison.Ordinal) ? Entries(cluster, attempt).ToList() : [];
            left.AddRange(files.Exists(named.Contains) ? files.Where(file => !named.Contains(file)) : [attempt]);
        }

        foreach (var attempt in Entries(cluster, "training-runs").SelectMany(run => Entries(cluster, run)).Where(attempt => !attempt.EndsWith("/tensorboard", StringComparison.Ordinal)))
        {
            var files = Entries(cluster, attempt).SelectMany(entry => entry.EndsWith(".png", StringComparison.Ordinal) ? [entry] : Entries(cluster, entry)).ToList();
            left.AddRange(files.Where(file => !named.Contains(file)));
        }

        var carried = await cluster.History.TextsAsync(
            """
            SELECT 'Hangfire job ' || j.id || ' ' || j.statename || ' ' || j.arguments FROM hangfire.job j
            WHERE j.statename IN ('Enqueued', 'Processing', 'Scheduled', 'Awaiting', 'Failed') UNION ALL SELECT concat('Hangfire queue entry ', jobid, ' of ', queue, ', fetched at ', fetchedat, ', now ', now()) FROM hangfire.jobqueue
            """);
        return [.. left.Select(path => $"{path} is left behind"), .. carried.Select(job => $"{job} is left behind")];
    }

    private static IEnumerable<string> Entries(Cluster cluster, string folder)
    {
        var path = Path.Combine(cluster.Artifacts, folder);
        return Directory.Exists(path) ? Directory.EnumerateFileSystemEntries(path).Select(entry => $"{folder}/{Path.GetFileName(entry)}") : [];
    }

    private static async Task<string> HashAsync(string file)
    {
        if (!File.Exists(file))
            return "";
        await using var stream = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(stream));
    }
}
