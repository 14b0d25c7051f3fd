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

    public override string Recovery => "from the request until its row says so";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (amidFaults)
            await Task.Delay(Quiet);
        var running = await cluster.History.RowsAsync(
            """
            SELECT j."Id"::text, j."Owner", CASE WHEN j."Kind" = 'Training' THEN '/training-runs/' || r."Id" ELSE '/samples/' || b."Id" END
            FROM "Jobs" j LEFT JOIN "TrainingRuns" r ON r."JobId" = j."Id" LEFT JOIN "SampleBatches" b ON b."JobId" = j."Id"
            WHERE j."Status" = 'Running' AND NOT j."CancelRequested" AND j."Kind" IN ('Training', 'Sampling') ORDER BY j."Id"
            """,
            row => (Job: row.GetString(0), Owner: row.GetString(1), Path: row.GetString(2)));
        var awake = cluster.Workers.Where(worker => !worker.IsFrozen).Select(worker => worker.ProcessId.ToString(CultureInfo.InvariantCulture)).ToHashSet();
        var held = running.Where(job => awake.Contains(job.Owner.Split(':')[1])).ToList();
        if (held.Count == 0)
            return null;
        var (chosen, _, path) = held[random.Next(held.Count)];
        var (at, watch) = (DateTime.UtcNow, Stopwatch.StartNew());
        await cluster.User.CancelAsync(path);
        while (watch.Elapsed < Patience)
        {
            var status = Assert.Single(await cluster.History.TextsAsync($"""SELECT "Status" FROM "Jobs" WHERE "Id" = '{chosen}'"""));
            if (status == "Cancelled")
                return new Injected(at, RecoveredIn: watch.Elapsed);
            if (status is "Succeeded" or "Failed")
                return null; // it had ended before
            await Task.Delay(TimeSpan.FromMilliseconds(20));
        }

        Console.WriteLine($"{path} was not cancelled within {Patience}.");
        return new Injected(at, RecoveredIn: watch.Elapsed);
    }
}
