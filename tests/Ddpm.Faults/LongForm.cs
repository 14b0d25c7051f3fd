using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Injection;
using Ddpm.TestSupport;

namespace Ddpm.Faults;

/// <summary>Hundreds of kills and whatever else can happen, at the service's own settings; writes the table of <c>docs/reliability.md</c>.</summary>
internal static class LongForm
{
    private const string Begin = "<!-- written by ./ddpm test faults --long -->";
    private const string End = "<!-- end -->";
    private const int UsualKills = 300;
    private const int QuietCancellations = 40;
    private const int FullDisks = 3;

    private static readonly string Version = typeof(LongForm).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static async Task<int> RunAsync(string[] args)
    {
        var (kills, seed, output) = (UsualKills, Environment.TickCount, "");
        for (var n = 0; n + 1 < args.Length; n += 2)
        {
            (kills, seed, output) = args[n] switch
            {
                "--kills" => (Number(args[n + 1]), seed, output),
                "--seed" => (kills, Number(args[n + 1]), output),
                "--out" => (kills, seed, args[n + 1]),
                _ => throw new ArgumentException($"'{args[n]}' is not --kills, --seed or --out."),
            };
        }

        if (output.Length > 0)
            await ReplaceAsync(output, null); // before half an hour is spent

        if (PostgresServer.FindPrograms() is not { } programs)
        {
            Console.Error.WriteLine("PostgreSQL's programs (initdb, pg_ctl) are neither on the PATH nor in /usr/lib/postgresql.");
            return 2;
        }

        var watch = Stopwatch.StartNew();
        void Say(string what) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed:hh\\:mm\\:ss} {what}"));
        Say(string.Create(CultureInfo.InvariantCulture, $"seed {seed}, {kills} kills"));
        var fullDisk = await FillDiskAsync(programs, FullDisks * kills / UsualKills, Say);
        await using var cluster = await Cluster.StartAsync(new ClusterSettings(programs) { Workers = 3 });
        var workload = new Workload(cluster, trainingSteps: 400);
        await workload.PrepareAsync();
        var campaign = new Campaign(cluster, workload, new Random(seed)) { Runs = 6, Samples = 3, Settling = TimeSpan.FromMinutes(10) };
        var report = await RunAsync(campaign, cluster, FaultsFor(kills, workload), kills, fullDisk, Say);
        var text = TextOf(report, kills, seed, watch.Elapsed, cluster.Settings);
        Console.WriteLine(text);
        if (output.Length > 0)
            await ReplaceAsync(output, text);
        return IsKept(report, kills) ? 0 : 1;
    }

    private static bool IsKept(CampaignReport report, int kills) => report.Violations.Count == 0 && Targets.Of(report, kills).All(target => target.IsMet);

    // Where anything is not as it should be, all that the processes printed is kept.
    private static async Task<CampaignReport> RunAsync(Campaign campaign, Cluster cluster, IEnumerable<Fault> faults, int kills, FullDiskReport fullDisk, Action<string> say)
    {
        CampaignReport? report = null;
        try
        {
            report = await campaign.RunAsync(Enumerable.Range(0, QuietCancellations).Select(_ => new Cancellation(amidFaults: false)), faults, say);
            return report = report with { Lines = [.. report.Lines, fullDisk.Line], Violations = [.. report.Violations, .. fullDisk.Violations] };
        }
        finally
        {
            if (report is null || !IsKept(report, kills))
                say($"what the processes printed: {cluster.KeepOutput()}");
        }
    }

    // Before the rest, in a cluster of its own, in which jobs may fail.
    private static async Task<FullDiskReport> FillDiskAsync(string programs, int times, Action<string> say)
    {
        say(FullDisk.Name);
        try
        {
            return await FullDisk.RunAsync(programs, new ClusterSettings(programs).Lease, Math.Max(1, times));
        }
        catch (MountRefusedException refused)
        {
            say(refused.Message);
            return FullDiskReport.Never;
        }
    }

    // More kills than are asked for, since some find a worker that has nothing to do; most strike workers. The other faults come in proportion.
    private static IEnumerable<Fault> FaultsFor(int kills, Workload workload)
    {
        IEnumerable<Fault> Times(int share, Func<Fault> fault) => Enumerable.Range(0, Math.Max(1, kills * share / UsualKills)).Select(_ => fault());
        return
        [
            .. Times(300, () => new WorkerKill()),
            .. Times(30, () => new ApiKill()),
            .. Times(20, () => new DatabaseRestart("kill")),
            .. Times(8, () => new DatabaseRestart("fast")),
            .. Times(8, () => new DatabaseRestart("immediate")),
            .. Times(3, () => new DatabaseRestart("fast", forLong: true)),
            .. Times(15, () => new DroppedConnections()),
            .. Times(10, () => new WorkerFreeze()),
            .. Times(25, () => new WorkerTermination()),
            .. Times(25, () => new SecondDelivery()),
            .. Times(10, () => new LocksLeft()),
            .. Times(2, () => new SlowDatabaseDisk()),
            .. Times(2, () => new SlowArtifactDisk()),
            .. Times(40, () => new ClockStep()),
            .. Times(15, () => new Cancellation(amidFaults: true)),
            .. Times(10, () => new TornCheckpoint()),
            .. Times(5, () => new TooMuchMemory(workload)),
            .. Times(10, () => new DispatchLoss()),
            .. Times(5, () => new DispatchLoss(tablesToo: true)),
            .. Times(5, () => new QueueLoss()),
            .. Times(5, () => new NoWorkers(workload)),
        ];
    }

    private static string TextOf(CampaignReport report, int kills, int seed, TimeSpan took, ClusterSettings settings)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"`./ddpm test faults --long --kills {kills} --seed {seed}`: {settings.Workers} workers, leases of {settings.Lease.TotalSeconds:0} s, {took.TotalMinutes:0} minutes, at {Version}.");
        text.AppendLine(CultureInfo.InvariantCulture, $"{report.Accepted} requests accepted; {report.TakeOvers.Taken} leases ran out and were taken over ({report.TakeOvers.Kinds}); {report.TakeOvers.HandedBack} training runs were handed back at SIGTERM.");
        text.AppendLine();
        text.AppendLine("| fault | times | outcome | worst recovery | median | counted |").AppendLine("| --- | --- | --- | --- | --- | --- |");
        foreach (var line in report.Lines)
        {
            var sorted = line.Recoveries.Order().ToList();
            var (worst, median) = sorted.Count == 0 ? ("", "") : (Seconds(sorted[^1]), Seconds(sorted[sorted.Count / 2]));
            text.AppendLine(CultureInfo.InvariantCulture, $"| {line.Fault} | {line.Times} | {line.Outcome} | {worst} | {median} | {line.Recovery} |");
        }

        text.AppendLine().AppendLine("| target | measured | met |").AppendLine("| --- | --- | --- |");
        foreach (var target in Targets.Of(report, kills))
            text.AppendLine(CultureInfo.InvariantCulture, $"| {target.What} | {target.Measured} | {(target.IsMet ? "yes" : "NO")} |");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"Lists that somebody asked for all the time were answered: {report.Answers}.");
        text.AppendLine(CultureInfo.InvariantCulture, $"Violations: {report.Violations.Count}.");
        foreach (var violation in report.Violations)
            text.AppendLine(CultureInfo.InvariantCulture, $"- {violation}");
        return text.ToString();
    }

    private static string Seconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");

    /// <param name="file">One with the two lines that the table stands between.</param>
    /// <param name="table">Null to see only whether it is such a file.</param>
    private static async Task ReplaceAsync(string file, string? table)
    {
        var text = await File.ReadAllTextAsync(file);
        var (begin, end) = (text.IndexOf(Begin, StringComparison.Ordinal), text.IndexOf(End, StringComparison.Ordinal));
        if (begin < 0 || end < begin)
            throw new InvalidOperationException($"{file} lacks the lines '{Begin}' and '{End}' that the table stands between.");
        if (table is not null)
            await File.WriteAllTextAsync(file, $"{text[..(begin + Begin.Length)]}\n{table}{text[end..]}");
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new ArgumentException($"'{text}' is not a whole number above 0.");
}
