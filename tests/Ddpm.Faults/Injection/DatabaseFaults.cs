using System.Diagnostics;
using System.Globalization;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>The database goes away and comes back.</summary>
/// <param name="how"><c>fast</c>: sessions are told; <c>immediate</c>: it crashes; <c>kill</c>: all its processes are killed.</param>
/// <param name="forLong">Whether it is away for two leases, so that every job is lost by whoever holds it; else for up to three seconds.</param>
internal sealed class DatabaseRestart(string how, bool forLong = false) : Fault
{
    public override string Name => how switch
    {
        _ when forLong => "the database away for two leases",
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
        await Task.Delay(forLong ? cluster.Settings.Lease * 2 : TimeSpan.FromSeconds(3 * random.NextDouble()));
        await cluster.Postgres.StartAsync();
        var down = DateTime.UtcNow - at;
        var watch = Stopwatch.StartNew();
        await ApiKill.AnswersAsync(cluster);
        return new Injected(at, RecoveredIn: watch.Elapsed, Down: down);
    }
}

/// <summary>Every commit takes a tenth of a second, as on a disk that others keep busy, for longer than a lease lasts.</summary>
internal sealed class SlowDatabaseDisk : Fault
{
    private const int MostMicroseconds = 100_000; // that PostgreSQL delays a commit

    public override string Name => "a database whose every commit takes 0.1 s";

    public override string Recovery => "nothing is to happen";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        await SetAsync(cluster, MostMicroseconds);
        await Task.Delay(cluster.Settings.Lease * 1.2);
        await SetAsync(cluster, 0);
        return new Injected(at);
    }

    private static async Task SetAsync(Cluster cluster, int delay)
    {
        await cluster.ExecuteAsync("ALTER SYSTEM SET commit_siblings = 0");
        await cluster.ExecuteAsync(string.Create(CultureInfo.InvariantCulture, $"ALTER SYSTEM SET commit_delay = {delay}"));
        await cluster.ExecuteAsync("SELECT pg_reload_conf()");
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
