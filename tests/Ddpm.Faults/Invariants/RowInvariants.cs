using System.Globalization;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Injection;

namespace Ddpm.Faults.Invariants;

/// <summary>What must hold of the rows and of all that ever happened to them, whatever was done to the processes.</summary>
internal static class RowInvariants
{
    /// <summary>Each query gives a sentence for every violation.</summary>
    private static readonly string[] Queries =
    [
        // One final state, and no change after it.
        """SELECT 'job ' || "Id" || ' has not ended: ' || "Status" FROM "Jobs" WHERE "Status" IN ('Queued', 'Running')""",
        """SELECT 'job ' || id || ' ended ' || count(*) || ' times' FROM watch.jobs WHERE status IN ('Succeeded', 'Failed', 'Cancelled') AND NOT late GROUP BY id HAVING count(*) <> 1""",
        """SELECT 'job ' || id || ' changed after its end, from ' || before || ' to ' || status FROM watch.jobs WHERE late""",

        // Legal transitions, and every claim one epoch.
        """
        SELECT 'job ' || id || ' went from ' || before || ' to ' || status FROM watch.jobs WHERE before IS NOT NULL AND NOT late
        AND (before, status) NOT IN (('Queued', 'Running'), ('Running', 'Running'), ('Running', 'Queued'), ('Running', 'Succeeded'), ('Running', 'Failed'), ('Running', 'Cancelled'), ('Queued', 'Cancelled'))
        """,
        """
        SELECT 'job ' || id || ' went from epoch ' || before_epoch || ' to ' || epoch || ' as ' || status FROM watch.jobs WHERE before IS NOT NULL
        AND epoch <> before_epoch + CASE WHEN status = 'Running' THEN 1 ELSE 0 END
        """,

        // Nothing is published but by the attempt that holds the job at that moment, and nothing twice.
        """
        SELECT what || ' of job ' || job || ' was published at ' || coalesce(key, 'an id of its own') || ' in epoch ' || epoch || ' (' || status || ')' FROM watch.results
        WHERE key !~ ('[/-]e' || epoch || '(/|$)') OR status NOT IN ('Running', 'Succeeded')
        """,
        """SELECT what || ' of job ' || job || ' was published ' || count(*) || ' times' FROM watch.results GROUP BY what, job HAVING count(*) > 1 AND what NOT LIKE 'checkpoint %'""",

        // What has succeeded has its results.
        """SELECT 'sample ' || b."Id" || ' succeeded without pictures' FROM "SampleBatches" b JOIN "Jobs" j ON j."Id" = b."JobId" WHERE j."Status" = 'Succeeded' AND b."ArtifactKey" IS NULL""",
        """SELECT 'run ' || r."Id" || ' ended at step ' || r."Step" || ' of ' || r."TotalSteps" FROM "TrainingRuns" r JOIN "Jobs" j ON j."Id" = r."JobId" WHERE j."Status" = 'Succeeded' AND r."Step" <> r."TotalSteps" """,
        """SELECT 'evaluation ' || e."Id" || ' succeeded without results' FROM "Evaluations" e JOIN "Jobs" j ON j."Id" = e."JobId" WHERE j."Status" = 'Succeeded' AND (e."Results" IS NULL OR e."ArtifactKey" IS NULL)""",
        """SELECT 'dataset ' || d."Id" || ' succeeded without pictures' FROM "Datasets" d JOIN "Jobs" j ON j."Id" = d."JobId" WHERE j."Status" = 'Succeeded' AND d."CacheKey" IS NULL""",
        """SELECT 'model ' || m."Name" || ' succeeded without a checkpoint' FROM "Models" m JOIN "Jobs" j ON j."Id" = m."JobId" WHERE j."Status" = 'Succeeded' AND m."CheckpointId" IS NULL""",
    ];

    /// <summary>All violations, in words.</summary>
    public static async Task<List<string>> ViolationsAsync(Cluster cluster, Workload workload)
    {
        List<string> violations = [];
        foreach (var query in Queries)
            violations.AddRange(await cluster.History.TextsAsync(query));

        // One of which half was torn off is made again.
        var checkpoints = await cluster.History.RowsAsync(
            """SELECT "TrainingRunId"::text, "Step", "ArtifactKey" FROM "Checkpoints" WHERE "TrainingRunId" IS NOT NULL""", row => (Run: row.GetString(0), Step: row.GetInt64(1), Key: row.GetString(2)));
        violations.AddRange(checkpoints.Where(checkpoint => !cluster.Torn.Contains(checkpoint.Key)).GroupBy(checkpoint => (checkpoint.Run, checkpoint.Step)).Where(same => same.Count() > 1)
            .Select(same => string.Create(CultureInfo.InvariantCulture, $"run {same.Key.Run} has {same.Count()} checkpoints of step {same.Key.Step}")));

        violations.AddRange(await RepeatedAsync(cluster));

        // Nobody went on from one.
        var passedOver = await cluster.History.TextsAsync("""
            SELECT c."ArtifactKey" FROM "Checkpoints" c JOIN "TrainingRuns" r ON r."Id" = c."TrainingRunId" JOIN "Jobs" j ON j."Id" = r."JobId" WHERE j."Status" = 'Succeeded' AND c."Resumable"
            """);
        violations.AddRange(cluster.Torn.Intersect(passedOver).Select(key => $"half of {key} was torn off, and its run ended as if it had not been"));

        // Nothing fails but what was asked for to fail, and that says why.
        var failed = await cluster.History.RowsAsync(
            """SELECT coalesce('/samples/' || b."Id", j."Kind" || ' ' || j."Id"), j."Error" FROM "Jobs" j LEFT JOIN "SampleBatches" b ON b."JobId" = j."Id" WHERE j."Status" = 'Failed'""",
            row => (What: row.GetString(0), Error: row.GetString(1)));
        violations.AddRange(failed.Where(job => !workload.Hopeless.Contains(job.What) || !job.Error.Contains(Workload.Limit, StringComparison.Ordinal)).Select(job => $"{job.What} failed: {job.Error}"));

        // Every request that was answered with an id is there once; nothing is there that nobody asked for.
        var rows = await cluster.History.TextsAsync("""
            SELECT '/training-runs/' || "Id" FROM "TrainingRuns" UNION ALL SELECT '/samples/' || "Id" FROM "SampleBatches" UNION ALL SELECT '/evaluations/' || "Id" FROM "Evaluations"
            UNION ALL SELECT '/datasets/' || "Id" FROM "Datasets" UNION ALL SELECT '/models/' || "Name" FROM "Models" WHERE "JobId" IS NOT NULL
            """);
        violations.AddRange(workload.Accepted.Except(rows).Select(path => $"{path} was accepted and is not there"));
        violations.AddRange(rows.Except(workload.Accepted).Select(path => $"{path} is there and was asked for by nobody, or twice"));
        return violations;
    }

    // An attempt goes on from the newest whole checkpoint, so none is published at or before its step again; unless it has made room for newer ones, all of which were torn since.
    private static async Task<List<string>> RepeatedAsync(Cluster cluster)
    {
        var published = await cluster.History.RowsAsync(
            "SELECT job::text, substr(what, 12)::bigint, key FROM watch.results WHERE what LIKE 'checkpoint %' ORDER BY n", row => (Job: row.GetString(0), Step: row.GetInt64(1), Key: row.GetString(2)));
        List<string> violations = [];
        foreach (var job in published.GroupBy(checkpoint => checkpoint.Job))
        {
            long newestWhole = 0;
            List<long> torn = [];
            foreach (var (_, step, key) in job)
            {
                if (step <= newestWhole && torn.Count(other => other > newestWhole) < Workload.KeepCheckpoints)
                    violations.Add(string.Create(CultureInfo.InvariantCulture, $"job {job.Key} published a checkpoint of step {step} at {key}, after a whole one of step {newestWhole}"));
                if (cluster.Torn.Contains(key))
                    torn.Add(step);
                else
                    newestWhole = Math.Max(newestWhole, step);
            }
        }

        return violations;
    }

    /// <summary>Jobs that were taken from a worker to which nothing had been done: two may have worked on them at once.</summary>
    /// <param name="cluster">After a campaign.</param>
    /// <param name="struck">When workers were killed or frozen, by process: what it held at that moment is taken within three leases.</param>
    /// <param name="outages">When the database went away, and for how long: who cannot renew a lease before it runs out loses it, and knows.</param>
    public static async Task<List<string>> DoubleRunsAsync(Cluster cluster, ILookup<int, DateTime> struck, IReadOnlyCollection<(DateTime At, TimeSpan Down)> outages)
    {
        var taken = await cluster.History.RowsAsync(
            "SELECT id::text, before_owner, at FROM watch.jobs WHERE taken", row => (Id: row.GetString(0), Owner: row.GetString(1), At: row.GetDateTime(2)));
        return
        [
            .. taken.Where(job => !struck[int.Parse(job.Owner.Split(':')[1], CultureInfo.InvariantCulture)].Any(at => job.At > at && job.At - at < 3 * cluster.Settings.Lease))
                .Where(job => !IsExcused(cluster, job.At, outages))
                .Select(job => string.Create(CultureInfo.InvariantCulture, $"job {job.Id} was taken from {job.Owner} at {job.At:T}, which lived")),
        ];
    }

    /// <summary>Jobs that a worker held at SIGTERM, or claimed after it, and neither ended nor handed back before it was gone.</summary>
    /// <param name="cluster">After a campaign.</param>
    /// <param name="endings">Of workers that were asked to end.</param>
    /// <param name="outages">When the database went away, and for how long.</param>
    public static async Task<List<string>> NotHandedBackAsync(Cluster cluster, IReadOnlyCollection<Injected> endings, IReadOnlyCollection<(DateTime At, TimeSpan Down)> outages)
    {
        List<string> violations = [];
        foreach (var ending in endings)
        {
            // Whoever is cut off from the database gives its job up; what has come of it after the worker's end was another's doing. And numbers of processes come again: what was claimed later was another's, too.
            var left = await cluster.History.RowsAsync(
                $"""
                SELECT id::text, status, at FROM watch.jobs w WHERE before = 'Running' AND before_owner LIKE '%:{ending.Ended}:%' AND at > '{ending.At:O}'
                AND EXISTS (SELECT 1 FROM watch.jobs claim WHERE claim.id = w.id AND claim.status = 'Running' AND claim.epoch = w.before_epoch AND claim.at <= '{ending.At + ending.RecoveredIn!.Value:O}')
                AND (taken OR (at > '{ending.At + ending.RecoveredIn!.Value:O}' AND NOT given_up)) AND NOT late
                """,
                row => (Id: row.GetString(0), Status: row.GetString(1), At: row.GetDateTime(2)));
            violations.AddRange(left.Where(job => !IsExcused(cluster, job.At, outages))
                .Select(job => string.Create(CultureInfo.InvariantCulture, $"job {job.Id} was not handed back by process {ending.Ended} at SIGTERM ({ending.At:T}): {job.Status} at {job.At:T}")));
        }

        return violations;
    }

    // A lease is renewed every sixth of it, and what is cut off tries again after a moment.
    private static bool IsExcused(Cluster cluster, DateTime at, IEnumerable<(DateTime At, TimeSpan Down)> outages)
    {
        var (bearable, excused) = ((cluster.Settings.Lease * 2 / 3) - TimeSpan.FromSeconds(1), cluster.Settings.Lease * 2);
        return outages.Any(outage => outage.Down >= bearable && at > outage.At && at - outage.At < outage.Down + excused);
    }
}
