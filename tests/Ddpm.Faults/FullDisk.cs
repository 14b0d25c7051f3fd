using System.Globalization;
using System.Net;
using System.Text;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Invariants;
using Ddpm.TestSupport;

namespace Ddpm.Faults;

/// <summary>The disk of the artifacts fills up to the last byte while runs write checkpoints, and is emptied again. In a cluster of its own: what must write to that disk fails, as it should.</summary>
internal sealed class FullDisk(Cluster cluster, Workload workload, SmallDisk disk)
{
    /// <summary>What it is, for the report.</summary>
    public const string Name = "a full disk of the artifacts, emptied again";

    private const int Attempts = 5;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private static readonly string[] Reasons = ["disk", "room", "MiB left"]; // words of each

    private readonly List<string> _violations = [];
    private readonly List<TimeSpan> _recoveries = [];

    /// <summary>Lets it happen in a fresh cluster with a small disk.</summary>
    /// <param name="programs">PostgreSQL's.</param>
    /// <param name="lease">Of its workers.</param>
    /// <param name="rounds">How often.</param>
    /// <exception cref="MountRefusedException">This user may not mount a file system.</exception>
    public static async Task<FullDiskReport> RunAsync(string programs, TimeSpan lease, int rounds)
    {
        await using var disk = await SmallDisk.MountAsync(mebibytes: 96);
        var settings = new ClusterSettings(programs) { Lease = lease, Artifacts = disk.Path, More = new() { ["Storage__ReserveBytes"] = "1048576" } };
        await using var cluster = await Cluster.StartAsync(settings);
        var workload = new Workload(cluster, trainingSteps: 160);
        await workload.PrepareAsync();
        return await new FullDisk(cluster, workload, disk).RunAsync(rounds);
    }

    private async Task<FullDiskReport> RunAsync(int rounds)
    {
        for (var round = 0; round < rounds; round++)
            await FillAndFreeAsync();
        var reasons = await cluster.History.TextsAsync("""SELECT "Error" FROM "Jobs" WHERE "Status" = 'Failed'""");
        _violations.AddRange(reasons.Where(reason => !Reasons.Any(reason.Contains)).Select(reason => $"failed on a full disk, and did not say so: {reason}"));
        _violations.AddRange(await FileInvariants.ViolationsAsync(cluster, workload));
        _violations.AddRange(cluster.User.Blunders);
        _violations.AddRange(cluster.Dead());
        return new FullDiskReport(rounds, reasons.Count, _recoveries, _violations);
    }

    private async Task FillAndFreeAsync()
    {
        var before = await CountAsync("Failed");
        for (var run = 0; run < 3; run++)
            await workload.TrainAsync();
        await Eventually.BecomesTrueAsync("a run is at work", async () => await CountAsync("Running") > 0, Limit);

        disk.Fill();
        await Eventually.BecomesTrueAsync("something fails for want of room", async () => await CountAsync("Failed") > before, Limit);
        var answer = HttpStatusCode.Accepted;
        for (var attempt = 0; attempt < Attempts && answer == HttpStatusCode.Accepted; attempt++)
        {
            disk.Fill(); // what failed has been cleared away; another may fail at this moment
            answer = await PostAsync();
        }

        if (answer != HttpStatusCode.InsufficientStorage)
            _violations.Add($"work was answered with {(int)answer} on a full disk, not with 507");
        await cluster.User.GetAsync("/samples?limit=5"); // reads are answered as ever
        disk.Free();

        var freed = DateTime.UtcNow;
        await Eventually.BecomesTrueAsync("there is room again", async () => await PostAsync() == HttpStatusCode.Accepted, Limit);
        _recoveries.Add(DateTime.UtcNow - freed);
        string[] afterwards = [await workload.TrainAsync(), await workload.SampleAsync(1)];
        await workload.SettleAsync(Limit);
        foreach (var path in afterwards)
        {
            if ((string?)(await cluster.User.GetAsync(path))["status"] is var status and not "succeeded")
                _violations.Add(string.Create(CultureInfo.InvariantCulture, $"{path}, asked for when there was room again, has {status}"));
        }
    }

    private async Task<HttpStatusCode> PostAsync()
    {
        using var http = new HttpClient { BaseAddress = cluster.User.Address };
        using var answer = await http.PostAsync("/samples", new StringContent("""{"count": 4, "steps": 20, "sampler": "ddim", "seed": 2}""", Encoding.UTF8, "application/json"));
        return answer.StatusCode;
    }

    private async Task<long> CountAsync(string status) =>
        (await cluster.History.RowsAsync($"""SELECT count(*) FROM "Jobs" WHERE "Status" = '{status}' AND "Kind" = 'Training'""", row => row.GetInt64(0)))[0];
}

/// <summary>What came of it.</summary>
/// <param name="Times">How often the disk was full.</param>
/// <param name="Failed">Jobs that failed, since there was no room.</param>
/// <param name="Recoveries">Each time, from when there was room again until work was accepted.</param>
/// <param name="Violations">What must not be, in words.</param>
internal sealed record FullDiskReport(int Times, int Failed, IReadOnlyList<TimeSpan> Recoveries, IReadOnlyList<string> Violations)
{
    /// <summary>None: no file system could be mounted.</summary>
    public static FullDiskReport Never { get; } = new(0, 0, [], []);

    /// <summary>As one of a campaign's kinds of faults.</summary>
    public FaultLine Line => new(
        FullDisk.Name, Times, Times, Outcome, "from when there is room again until work is accepted", Recoveries, []);

    private string Outcome => (Times, Violations.Count) switch
    {
        (0, _) => "no file system could be mounted",
        (_, 0) => string.Create(CultureInfo.InvariantCulture, $"{Failed} jobs failed with that reason; new work was refused with 507, reads were answered"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Failed} jobs failed; not all was as it should be, see the violations"),
    };
}
