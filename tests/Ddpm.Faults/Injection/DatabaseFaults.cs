using System.Diagnostics;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>The database goes away and comes back.</summary>
/// <param name="how"><c>fast</c>: sessions are told; <c>immediate</c>: it crashes; <c>kill</c>: all its processes are killed.</param>
internal sealed class DatabaseRestart(string how) : Fault
{
    public override string Name => how switch
    {
        "fast" => "restart of the database",
        "immediate" => "restart of the database without a word to its sessions",
        _ => "SIGKILL of the database",
    };

    public override string Recovery => "from when it accepts connections again until the API answers";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        if (how == "kill")
            await cluster.Postgres.KillAsync();
        else
            await cluster.Postgres.StopAsync(how);
        await Task.Delay(TimeSpan.FromSeconds(3 * random.NextDouble()));
        await cluster.Postgres.StartAsync();
        var down = DateTime.UtcNow - at;
        var watch = Stopwatch.StartNew();
        await ApiKill.AnswersAsync(cluster);
        return new Injected(at, RecoveredIn: watch.Elapsed, Down: down);
    }
}

/// <summary>All connections of the service are cut.</summary>
internal sealed class DroppedConnections : Fault
{
    public override string Name => "all connections of the database cut";

    public override string Recovery => "until the API answers";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        await cluster.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'ddpm'");
        var watch = Stopwatch.StartNew();
        await ApiKill.AnswersAsync(cluster);
        return new Injected(at, RecoveredIn: watch.Elapsed);
    }
}
