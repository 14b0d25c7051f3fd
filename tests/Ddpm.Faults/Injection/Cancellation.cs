using System.Diagnostics;
using Ddpm.Faults.Clusters;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Injection;

/// <summary>No fault, but a promise to be measured: somebody changes their mind about what runs, on a worker to which nothing is done.</summary>
/// <param name="amidFaults">Whether things have gone wrong before: then five seconds are left after the last of them.</param>
internal sealed class Cancellation(bool amidFaults) : Fault
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    public override string Name => amidFaults ? "a running job cancelled, five seconds after the fault before" : "a running job cancelled, before anything has gone wrong";

    public override string Recovery => "from the request until the job has ended, however it ends";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (amidFaults)
            await Task.Delay(Quiet);
        // Where nothing is wrong something runs before long.
        if (await Eventually.FindAsync(() => RunningAsync(cluster), amidFaults ? TimeSpan.Zero : Longest) is not { } running)
            return null;
        var (chosen, path) = running[random.Next(running.Count)];
        var (at, watch) = (DateTime.UtcNow, Stopwatch.StartNew());
        if (!await cluster.User.CancelAsync(path))
            return null; // it had ended before
        while (watch.Elapsed < Patience)
        {
            if (Assert.Single(await cluster.History.TextsAsync($"""SELECT "Status" FROM "Jobs" WHERE "Id" = '{chosen}'""")) is ("Cancelled" or "Succeeded" or "Failed") and var end)
                return new Injected(at, RecoveredIn: watch.Elapsed, Outcome: end.ToLowerInvariant());
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        Console.WriteLine($"{path} was cancelled, and has not ended within {Patience}.");
        return new Injected(at, RecoveredIn: watch.Elapsed, Outcome: "not ended");
    }

    // Training runs, which have much to leave off, or else samples, which may be done by the time that somebody listens; null for neither.
    private static async Task<List<(string Job, string Path)>?> RunningAsync(Cluster cluster)
    {
        var running = await cluster.History.RowsAsync(
            """
            SELECT j."Id"::text, j."Owner", CASE WHEN j."Kind" = 'Training' THEN '/training-runs/' || r."Id" ELSE '/samples/' || b."Id" END, j."Kind" = 'Training'
            FROM "Jobs" j LEFT JOIN "TrainingRuns" r ON r."JobId" = j."Id" LEFT JOIN "SampleBatches" b ON b."JobId" = j."Id"
            WHERE j."Status" = 'Running' AND NOT j."CancelRequested" AND j."Kind" IN ('Training', 'Sampling') ORDER BY j."Id"
            """,
            row => (Job: row.GetString(0), Owner: row.GetString(1), Path: row.GetString(2), Trains: row.GetBoolean(3)));
        var held = running.Where(job => cluster.Awake.Any(worker => worker.IsOwner(job.Owner))).ToLookup(job => job.Trains, job => (job.Job, job.Path));
        return held.Count > 0 ? [.. held[held.Contains(true)]] : null;
    }
}
