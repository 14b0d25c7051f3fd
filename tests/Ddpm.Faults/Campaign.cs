using System.Collections.Concurrent;
using System.Globalization;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Injection;
using Ddpm.Faults.Invariants;

namespace Ddpm.Faults;

/// <summary>Faults at random moments, while a cluster works; then a look at everything from outside.</summary>
/// <param name="cluster">A fresh one.</param>
/// <param name="workload">What it has to do; prepared.</param>
/// <param name="random">Seeded: the order of the faults is its, and the seed of each turn, whose pause and whose fault draw from it alone.</param>
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
            var turn = new Random(random.Next()); // what a turn draws does not depend on those before it
            var (own, pause, cancels) = (new Random(turn.Next()), LongestPause * turn.NextDouble(), turn.NextDouble() < CancelFraction);
            await workload.TopUpAsync(turn, Runs, Samples);
            if (cancels)
                await workload.CancelOneAsync(turn);
            say(string.Create(CultureInfo.InvariantCulture, $"{n + 1}/{order.Length} {order[n].Name}"));
            if (order[n] is WorkerFreeze)
            {
                frozen.RemoveAll(task => task.IsCompletedSuccessfully);
                if (frozen.Count >= frozenAtOnce)
                    await Task.WhenAny(frozen);
                frozen.Add(InjectAsync(order[n], own));
            }
            else
            {
                await InjectAsync(order[n], own);
            }

            await Task.Delay(pause);
            ThrowIfAnyDied();
        }

        await Task.WhenAll(frozen);
        say("settling");
        List<string> late = [];
        try
        {
            await workload.SettleAsync(Settling);
        }
        catch (TimeoutException reason)
        {
            say(reason.Message);
            late.Add(reason.Message.Split('\n')[0]);
        }

        ThrowIfAnyDied();
        return new CampaignReport(await LinesAsync(order), [.. late, .. await ViolationsAsync(), .. onlooker.Blunders], await TakeOversAsync(), workload.Accepted.Count, onlooker.Summary);
    }

    private async Task InjectAsync(Fault fault, Random own)
    {
        if (await fault.InjectAsync(cluster, own) is { } what)
            _injected.Enqueue((fault, what));
    }

    private void ThrowIfAnyDied()
    {
        if (cluster.Dead().ToList() is { Count: > 0 } dead)
            throw new InvalidOperationException(string.Join('\n', dead));
    }

    private async Task<List<string>> ViolationsAsync()
    {
        var struck = _injected.Where(entry => entry.What.Processes is not null).SelectMany(entry => entry.What.Processes!.Select(process => (process, entry.What.At))).ToLookup(one => one.process, one => one.At);
        var outages = Outages();
        return
        [
            .. await RowInvariants.ViolationsAsync(cluster, workload),
            .. await RowInvariants.DoubleRunsAsync(cluster, struck, outages),
            .. await RowInvariants.NotHandedBackAsync(cluster, [.. _injected.Select(entry => entry.What).Where(what => what.Ended is not null)], outages),
            .. await FileInvariants.ViolationsAsync(cluster, workload),
            .. cluster.User.Blunders,
        ];
    }

    private List<(DateTime At, TimeSpan Down)> Outages() => [.. _injected.Where(entry => entry.Fault is DatabaseRestart).Select(entry => (entry.What.At, entry.What.Down))];

    private async Task<List<FaultLine>> LinesAsync(IEnumerable<Fault> faults)
    {
        List<FaultLine> lines = [];
        foreach (var kind in faults.DistinctBy(fault => fault.Name).OrderBy(fault => fault.Name, StringComparer.Ordinal))
        {
            List<TimeSpan> recoveries = [];
            List<TimeSpan> takenBack = [];
            var struck = 0;
            var all = _injected.Where(entry => entry.Fault.Name == kind.Name).Select(entry => entry.What).ToList();
            foreach (var one in all)
            {
                List<TimeSpan?> held = [];
                foreach (var process in one.Processes ?? [])
                    held.AddRange(await RecoveryOfAsync(process, one.At));
                struck += one.Processes is null || held.Count > 0 ? 1 : 0;
                List<TimeSpan> back = [.. held.OfType<TimeSpan>()];
                takenBack.AddRange(back);
                recoveries.AddRange(one.RecoveredIn is { } time ? [time] : back);
            }

            lines.Add(new FaultLine(kind.Name, all.Count, struck, OutcomeOf(all, struck, takenBack.Count), kind.Recovery, recoveries, takenBack));
        }

        return lines;
    }

    private static string OutcomeOf(List<Injected> all, int struck, int takenBack)
    {
        if (all.Exists(one => one.Processes is not null))
            return string.Create(CultureInfo.InvariantCulture, $"{struck} struck one that held jobs; {takenBack} jobs went back");
        var outcomes = all.Select(one => one.Outcome).OfType<string>().CountBy(outcome => outcome).OrderByDescending(outcome => outcome.Value)
            .Select(outcome => string.Create(CultureInfo.InvariantCulture, $"{outcome.Value} {outcome.Key}")).ToList();
        return outcomes.Count > 0 ? string.Join(", ", outcomes) : "the work went on";
    }

    // Of each job that the worker held: from the fault until it was taken from it, but for the time in which the database was away; null for one that ended first, or was handed back, and needed no recovery.
    private async Task<List<TimeSpan?>> RecoveryOfAsync(int process, DateTime at)
    {
        var outages = Outages();
        return (await TakenAfterAsync(process, at)).ConvertAll(taken => taken is { } time ? time - Away(at, at + time) : taken);

        TimeSpan Away(DateTime from, DateTime to) => outages.Aggregate(TimeSpan.Zero, (sum, outage) => sum + Overlap(outage.At, outage.At + outage.Down, from, to));
        static TimeSpan Overlap(DateTime begin, DateTime end, DateTime from, DateTime to) => (end < to ? end : to) - (begin > from ? begin : from) is { Ticks: > 0 } overlap ? overlap : TimeSpan.Zero;
    }

    private Task<List<TimeSpan?>> TakenAfterAsync(int process, DateTime at) => cluster.History.RowsAsync(
        $"""
        WITH held AS (SELECT DISTINCT ON (id) id, status, owner, n FROM watch.jobs WHERE at <= '{at:O}' ORDER BY id, n DESC),
        taken AS (SELECT (SELECT min(w.at) FROM watch.jobs w WHERE w.id = held.id AND w.n > held.n AND w.taken AND w.before_owner = held.owner) AS at FROM held
                  WHERE status = 'Running' AND owner LIKE '%:{process}:%')
        SELECT extract(epoch FROM at - '{at:O}'::timestamptz)::float8 FROM taken
        """,
        row => row.IsDBNull(0) ? (TimeSpan?)null : TimeSpan.FromSeconds(row.GetDouble(0)));

    private async Task<TakeOvers> TakeOversAsync()
    {
        var taken = await cluster.History.RowsAsync("SELECT count(*) FROM watch.jobs WHERE taken", row => row.GetInt64(0));
        var lost = await cluster.History.RowsAsync("SELECT steps_lost FROM watch.jobs WHERE before = 'Running' AND status = 'Queued' AND NOT taken AND NOT given_up AND steps_lost IS NOT NULL", row => row.GetInt64(0));
        var kinds = await cluster.History.TextsAsync("SELECT count(*) || ' of kind ' || kind FROM watch.jobs WHERE taken GROUP BY kind ORDER BY count(*) DESC");
        return new TakeOvers(taken[0], string.Join(", ", kinds), lost.Count, lost.DefaultIfEmpty().Max());
    }
}

/// <summary>What a campaign has come to.</summary>
/// <param name="Lines">A line for each kind of fault.</param>
/// <param name="Violations">What must not be, in words.</param>
/// <param name="TakeOvers">Jobs that changed hands.</param>
/// <param name="Accepted">Requests that were accepted.</param>
/// <param name="Answers">What somebody got who looked all the time.</param>
internal sealed record CampaignReport(IReadOnlyList<FaultLine> Lines, IReadOnlyList<string> Violations, TakeOvers TakeOvers, int Accepted, string Answers);

/// <summary>One kind of fault.</summary>
/// <param name="Fault">What it is.</param>
/// <param name="Times">How often it happened.</param>
/// <param name="Struck">How often it struck something: where it strikes workers, one that held a job at that moment.</param>
/// <param name="Outcome">What came of it, in words.</param>
/// <param name="Recovery">What the recovery times count.</param>
/// <param name="Recoveries">One for each job, process or service that had to recover.</param>
/// <param name="TakenBack">One for each job that a worker lost to it: until it was in its queue again, or held by another.</param>
internal sealed record FaultLine(string Fault, int Times, int Struck, string Outcome, string Recovery, IReadOnlyList<TimeSpan> Recoveries, IReadOnlyList<TimeSpan> TakenBack);

/// <summary>Jobs that changed hands.</summary>
/// <param name="Taken">Leases that ran out and were taken.</param>
/// <param name="Kinds">How many of each kind, in words.</param>
/// <param name="HandedBack">Training runs that a worker handed back at SIGTERM.</param>
/// <param name="MostStepsLost">Most steps past the newest checkpoint of one of them; 0 where there is none.</param>
internal sealed record TakeOvers(long Taken, string Kinds, int HandedBack, long MostStepsLost);
