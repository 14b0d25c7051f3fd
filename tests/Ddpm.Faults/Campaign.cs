using System.Collections.Concurrent;
using System.Globalization;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Injection;
using Ddpm.Faults.Invariants;

namespace Ddpm.Faults;

/// <summary>Faults at random moments, while a cluster works; then a look at everything from outside.</summary>
/// <param name="cluster">A fresh one.</param>
/// <param name="workload">What it has to do; prepared.</param>
/// <param name="random">Seeded: the order of the faults and the pauses between them are its.</param>
internal sealed class Campaign(Cluster cluster, Workload workload, Random random)
{
    private const double CancelFraction = 0.2;

    private readonly ConcurrentQueue<(Fault Fault, Injected What)> _injected = new();

    /// <summary>Runs that are always wanted: more than there are workers, so that one which has just started finds work.</summary>
    public int Runs { get; init; } = 4;

    /// <summary>Sample requests that are always wanted.</summary>
    public int Samples { get; init; } = 4;

    /// <summary>Between two faults, at the most.</summary>
    public TimeSpan LongestPause { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long everything that is left may take after the last fault.</summary>
    public TimeSpan Settling { get; init; } = TimeSpan.FromMinutes(4);

    /// <summary>Injects every fault, waits until the cluster has done its work, and looks.</summary>
    /// <param name="before">What is measured first, while nothing goes wrong; in this order.</param>
    /// <param name="faults">In any order; shuffled.</param>
    /// <param name="say">Told what happens.</param>
    public async Task<CampaignReport> RunAsync(IEnumerable<Fault> before, IEnumerable<Fault> faults, Action<string> say)
    {
        var shuffled = faults.ToArray();
        random.Shuffle(shuffled);
        Fault[] order = [.. before, .. shuffled];
        List<Task> frozen = [];
        await using var onlooker = new Onlooker(cluster.User.Address);
        var frozenAtOnce = cluster.Workers.Count - 1;
        for (var n = 0; n < order.Length; n++)
        {
            await workload.TopUpAsync(random, Runs, Samples);
            if (random.NextDouble() < CancelFraction)
                await workload.CancelOneAsync(random);
            say(string.Create(CultureInfo.InvariantCulture, $"{n + 1}/{order.Length} {order[n].Name}"));
            if (order[n] is WorkerFreeze)
            {
                frozen.RemoveAll(task => task.IsCompletedSuccessfully);
                if (frozen.Count >= frozenAtOnce)
                    await Task.WhenAny(frozen);
                frozen.Add(InjectAsync(order[n]));
            }
            else
            {
                await InjectAsync(order[n]);
            }

            await Task.Delay(LongestPause * random.NextDouble());
            RequireAllAlive();
        }

        await Task.WhenAll(frozen);
        say("settling");
        await workload.SettleAsync(Settling);
        RequireAllAlive();
        return new CampaignReport(await LinesAsync(order), [.. await ViolationsAsync(), .. onlooker.Blunders], await RestartsAsync(), await TakeOversAsync(), workload.Accepted.Count, onlooker.Summary);
    }

    private void RequireAllAlive()
    {
        if (cluster.Dead().ToList() is { Count: > 0 } dead)
            throw new InvalidOperationException(string.Join('\n', dead));
    }

    private async Task InjectAsync(Fault fault)
    {
        if (await fault.InjectAsync(cluster, new Random(random.Next())) is { } what) // those that are frozen go on beside the next
            _injected.Enqueue((fault, what));
    }

    private async Task<List<string>> ViolationsAsync()
    {
        var struck = _injected.Where(entry => entry.What.Processes is not null).SelectMany(entry => entry.What.Processes!).ToHashSet();
        var outages = _injected.Where(entry => entry.Fault is DatabaseRestart).Select(entry => (entry.What.At, entry.What.Down)).ToList();
        return
        [
            .. await RowInvariants.ViolationsAsync(cluster, workload),
            .. await RowInvariants.DoubleRunsAsync(cluster, struck, outages),
            .. await FileInvariants.ViolationsAsync(cluster, workload),
            .. cluster.User.Blunders,
        ];
    }

    private async Task<List<FaultLine>> LinesAsync(IEnumerable<Fault> faults)
    {
        List<FaultLine> lines = [];
        foreach (var kind in faults.DistinctBy(fault => fault.Name).OrderBy(fault => fault.Name, StringComparer.Ordinal))
        {
            List<TimeSpan> times = [];
            var all = _injected.Where(entry => entry.Fault.Name == kind.Name).Select(entry => entry.What).ToList();
            foreach (var one in all)
            {
                if (one.RecoveredIn is { } time)
                    times.Add(time);
                else
                    foreach (var process in one.Processes ?? [])
                        times.AddRange(await RecoveryOfAsync(process, one.At));
            }

            lines.Add(new FaultLine(kind.Name, kind.IsKill, all.Count, kind.Recovery, times));
        }

        return lines;
    }

    private async Task<List<TimeSpan>> RestartsAsync()
    {
        List<TimeSpan> times = [];
        foreach (var (fault, what) in _injected.Where(entry => entry.Fault.IsKill))
            foreach (var process in what.Processes ?? [])
                times.AddRange(await RecoveryOfAsync(process, what.At));
        return times;
    }

    // From the fault until the job was taken from the worker. One that ended first, or was handed back, needed no recovery.
    private Task<List<TimeSpan>> RecoveryOfAsync(int process, DateTime at) => cluster.History.RowsAsync(
        $"""
        WITH held AS (SELECT DISTINCT ON (id) id, status, owner, n FROM watch.jobs WHERE at <= '{at:O}' ORDER BY id, n DESC),
        taken AS (SELECT (SELECT min(w.at) FROM watch.jobs w WHERE w.id = held.id AND w.n > held.n AND w.taken AND w.before_owner = held.owner) AS at FROM held
                  WHERE status = 'Running' AND owner LIKE '%:{process}:%')
        SELECT extract(epoch FROM at - '{at:O}'::timestamptz)::float8 FROM taken WHERE at IS NOT NULL
        """,
        row => TimeSpan.FromSeconds(row.GetDouble(0)));

    private async Task<TakeOvers> TakeOversAsync()
    {
        var taken = await cluster.History.RowsAsync("SELECT count(*) FROM watch.jobs WHERE taken", row => row.GetInt64(0));
        var handedBack = await cluster.History.RowsAsync("SELECT steps_lost FROM watch.jobs WHERE steps_lost IS NOT NULL", row => row.GetInt64(0));
        return new TakeOvers(taken[0], handedBack.Count, handedBack.DefaultIfEmpty().Max());
    }
}

/// <summary>What a campaign has come to.</summary>
/// <param name="Lines">A line for each kind of fault.</param>
/// <param name="Violations">What must not be, in words.</param>
/// <param name="Restarts">For each job that a killed worker held, from the kill until it was in its queue again, or held by another.</param>
/// <param name="TakeOvers">Jobs that changed hands.</param>
/// <param name="Accepted">Requests that were accepted.</param>
/// <param name="Answers">What somebody got who looked all the time.</param>
internal sealed record CampaignReport(IReadOnlyList<FaultLine> Lines, IReadOnlyList<string> Violations, IReadOnlyList<TimeSpan> Restarts, TakeOvers TakeOvers, int Accepted, string Answers);

/// <summary>One kind of fault.</summary>
/// <param name="Fault">What it is.</param>
/// <param name="IsKill">Whether processes died of it.</param>
/// <param name="Times">How often it happened.</param>
/// <param name="Recovery">What the recovery times count.</param>
/// <param name="Recoveries">One for each job, process or service that had to recover.</param>
internal sealed record FaultLine(string Fault, bool IsKill, int Times, string Recovery, IReadOnlyList<TimeSpan> Recoveries);

/// <summary>Jobs that changed hands.</summary>
/// <param name="Taken">Leases that ran out and were taken.</param>
/// <param name="HandedBack">Training runs that a worker handed back at SIGTERM.</param>
/// <param name="MostStepsLost">Most training steps past the newest checkpoint when it did.</param>
internal sealed record TakeOvers(long Taken, int HandedBack, long MostStepsLost);
