using Ddpm.Faults.Clusters;
using Ddpm.Faults.Injection;
using Ddpm.TestSupport;

namespace Ddpm.Faults;

/// <summary>The short form: every kind of fault once or twice, with short leases.</summary>
[Trait("Category", "faults")]
public sealed class CampaignTests
{
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(15); // two busy cores

    [Fact]
    public async Task Cluster_LosesNothingAndDoublesNothing_WhateverIsDoneToIt()
    {
        var settings = new ClusterSettings(PostgresFixture.RequirePrograms()) { Lease = TimeSpan.FromSeconds(6) };
        await using var cluster = await Cluster.StartAsync(settings);
        var workload = new Workload(cluster, trainingSteps: 160);
        await workload.PrepareAsync();
        Fault[] faults =
        [
            new WorkerKill(), new WorkerKill(), new WorkerKill(), new ApiKill(), new WorkerFreeze(), new WorkerTermination(), new WorkerTermination(),
            new DatabaseRestart("fast"), new DatabaseRestart("immediate"), new DatabaseRestart("kill"), new DatabaseRestart("fast", forLong: true), new DroppedConnections(), new SecondDelivery(), new LocksLeft(), new SlowDatabaseDisk(), new SlowArtifactDisk(), new TornCheckpoint(), new TooMuchMemory(workload), new DispatchLoss(), new DispatchLoss(tablesToo: true), new QueueLoss(), new NoWorkers(workload),
            new ClockStep(), new ClockStep(), new Cancellation(amidFaults: true),
        ];
        var report = await new Campaign(cluster, workload, new Random(5)).RunAsync([new Cancellation(amidFaults: false)], faults, TestContext.Current.TestOutputHelper!.WriteLine);

        Assert.True(report.Violations.Count == 0, $"{string.Join('\n', report.Violations)}\n{cluster.Describe()}");
        Assert.True(report.TakeOvers.Taken > 0, "No lease was lost: the faults struck nothing.");
        Assert.All((string[])["/datasets/", "/models/", "/evaluations/"], kind => Assert.True(workload.Accepted.Count(path => path.StartsWith(kind, StringComparison.Ordinal)) > 1, $"Nothing of {kind} was asked for amid the faults."));
        Assert.True(report.TakeOvers.HandedBack > 0, "No training run was handed back at SIGTERM.");
        Assert.InRange(report.TakeOvers.MostStepsLost, 0, 1);
        var (back, ended) = ((settings.Lease * 4 / 3) + Slack, TimeSpan.FromSeconds(30));
        Assert.All(report.Lines.Where(line => line.Fault.StartsWith("SIGKILL", StringComparison.Ordinal)).SelectMany(line => line.TakenBack), time => Assert.InRange(time, TimeSpan.Zero, back));
        Assert.All(report.Lines.Single(line => line.Fault == new WorkerTermination().Name).Recoveries, time => Assert.InRange(time, TimeSpan.Zero, ended));
        Assert.True(!await SlowArtifactDisk.IsPossibleAsync() || report.Lines.Any(line => line.Fault == new SlowArtifactDisk().Name && line.Times > 0), "No disk was slow.");
        Assert.InRange(Assert.Single(report.Lines.Single(line => line.Fault == new Cancellation(amidFaults: false).Name).Recoveries), TimeSpan.Zero, TimeSpan.FromSeconds(5)); // two busy cores; the long form judges 2 s
        Assert.All(report.Lines.Single(line => line.Fault == new Cancellation(amidFaults: true).Name).Recoveries, time => Assert.InRange(time, TimeSpan.Zero, TimeSpan.FromSeconds(30)));
        Assert.True(!await WallClock.IsPossibleAsync() || report.Lines.Any(line => line.Fault == new ClockStep().Name && line.Times > 0), "No clock was set.");
    }
}
