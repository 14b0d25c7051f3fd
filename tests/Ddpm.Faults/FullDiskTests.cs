using System.Net;
using System.Text;
using Ddpm.Faults.Clusters;
using Ddpm.Faults.Invariants;
using Ddpm.TestSupport;

namespace Ddpm.Faults;

/// <summary>The disk of the artifacts fills up to the last byte while runs write checkpoints and pictures are drawn, and is emptied again.</summary>
[Trait("Category", "faults")]
public sealed class FullDiskTests
{
    private const int Mebibytes = 96;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task FullDisk_FailsWhatMustWriteToIt_WithAReason_AndNothingIsTornOrLeft()
    {
        await using var disk = await SmallDisk.MountAsync(Mebibytes);
        var settings = new ClusterSettings(PostgresFixture.RequirePrograms())
        {
            Lease = TimeSpan.FromSeconds(6),
            Artifacts = disk.Path,
            More = new() { ["Storage__ReserveBytes"] = "1048576" },
        };
        await using var cluster = await Cluster.StartAsync(settings);
        var workload = new Workload(cluster, trainingSteps: 160);
        await workload.PrepareAsync();
        for (var run = 0; run < 3; run++)
            await workload.TrainAsync();
        await Eventually.BecomesTrueAsync("a run is at work", async () => (await CountAsync(cluster, "Running", "Training")) > 0, Limit);

        disk.Fill();
        await Eventually.BecomesTrueAsync("something fails for want of room", async () => (await CountAsync(cluster, "Failed", "Training")) > 0, Limit);
        disk.Fill(); // what failed has been cleared away
        Assert.Equal(HttpStatusCode.InsufficientStorage, await PostAsync(cluster));
        await cluster.User.GetAsync("/samples?limit=5"); // reads are answered as ever
        disk.Free();

        await Eventually.BecomesTrueAsync("there is room again", async () => await PostAsync(cluster) == HttpStatusCode.Accepted, Limit);
        string[] afterwards = [await workload.TrainAsync(), await workload.SampleAsync(1)];
        await workload.SettleAsync(Limit);
        foreach (var path in afterwards)
            Assert.Equal("succeeded", (string?)(await cluster.User.GetAsync(path))["status"]);
        var reasons = await cluster.History.TextsAsync("""SELECT "Error" FROM "Jobs" WHERE "Status" = 'Failed'""");
        Assert.All(reasons, reason => Assert.Matches("disk|room|MiB left", reason));
        Assert.Empty(await FileInvariants.ViolationsAsync(cluster, workload));
        Assert.Empty(cluster.User.Blunders);
        Assert.Empty(cluster.Dead());
    }

    private static async Task<HttpStatusCode> PostAsync(Cluster cluster)
    {
        using var http = new HttpClient { BaseAddress = cluster.User.Address };
        using var answer = await http.PostAsync("/samples", new StringContent("""{"count": 4, "steps": 20, "sampler": "ddim", "seed": 2}""", Encoding.UTF8, "application/json"));
        return answer.StatusCode;
    }

    private static async Task<long> CountAsync(Cluster cluster, string status, string kind) =>
        (await cluster.History.RowsAsync($"""SELECT count(*) FROM "Jobs" WHERE "Status" = '{status}' AND "Kind" = '{kind}'""", row => row.GetInt64(0)))[0];
}
