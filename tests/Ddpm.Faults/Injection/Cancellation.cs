using System.Diagnostics;
using System.Globalization;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>No fault, but a promise to be measured: somebody changes their mind about what runs, on a worker to which nothing is done.</summary>
/// <param name="amidFaults">Whether things have gone wrong before: then five seconds are left after the last of them.</param>
internal sealed class Cancellation(bool amidFaults) : Fault
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public override string Name => amidFaults ? "a running job cancelled, five seconds after the fault before" : "a running job cancelled, before anything has gone wrong";

    public override string Recovery => "from the request until it has ended";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (amidFaults)
            await Task.Delay(Quiet);
        var watch = Stopwatch.StartNew();
        var held = await HeldAsync(cluster);
        for (; held.Count == 0 && watch.Elapsed < Patience; held = await HeldAsync(cluster))
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        if (held.Count == 0)
            return null;
        var (chosen, path) = held[random.Next(held.Count)];
        var at = DateTime.UtcNow;
        watch.Restart();
        if (!await cluster.User.CancelAsync(path))
            return null; // it had ended before
        while (watch.Elapsed < Patience)
        {
            if (Assert.Single(await cluster.History.TextsAsync($"""SELECT "Status" FROM "Jobs" WHERE "Id" = '{chosen}'""")) is "Cancelled" or "Succeeded" or "Failed")
                return new Injected(at, RecoveredIn: watch.Elapsed); // however it ended
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        Console.WriteLine($"{path} was not cancelled within {Patience}.");
        return new Injected(at, RecoveredIn: watch.Elapsed);
    }

    // Runs, which take longer, rather than pictures.
    private static async Task<List<(string Job, string Path)>> HeldAsync(Cluster cluster)
    {
        var running = await cluster.History.RowsAsync(
            """
            SELECT j."Id"::text, j."Owner", j."Kind", CASE WHEN j."Kind" = 'Training' THEN '/training-runs/' || r."Id" ELSE '/samples/' || b."Id" END
            FROM "Jobs" j LEFT JOIN "TrainingRuns" r ON r."JobId" = j."Id" LEFT JOIN "SampleBatches" b ON b."JobId" = j."Id"
            WHERE j."Status" = 'Running' AND NOT j."CancelRequested" AND j."Kind" IN ('Training', 'Sampling') ORDER BY j."Id"
            """,
            row => (Job: row.GetString(0), Owner: row.GetString(1), IsRun: row.GetString(2) == "Training", Path: row.GetString(3)));
        var awake = cluster.Workers.Where(worker => !worker.IsFrozen).Select(worker => worker.ProcessId.ToString(CultureInfo.InvariantCulture)).ToHashSet();
        var held = running.Where(job => awake.Contains(job.Owner.Split(':')[1])).ToList();
        return [.. held.Where(job => job.IsRun || !held.Exists(other => other.IsRun)).Select(job => (job.Job, job.Path))];
    }
}
