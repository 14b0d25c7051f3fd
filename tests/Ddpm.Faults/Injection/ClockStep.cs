using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>Somebody sets the clock of a machine, the API's or a worker's, by up to an hour in either direction; it stays wrong, also for those that start there later, until it is set again.</summary>
internal sealed class ClockStep : Fault
{
    public override string Name => "the clock of the API or of a worker set, by up to an hour in either direction";

    public override string Recovery => "nothing is to happen";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (!await WallClock.IsPossibleAsync())
            return null;
        var lease = cluster.Settings.Lease;
        TimeSpan[] steps = [-TimeSpan.FromHours(1), -2 * lease, -lease / 2, TimeSpan.Zero, lease / 2, 2 * lease, TimeSpan.FromHours(1)];
        Node[] nodes = [cluster.Api, .. cluster.Workers];
        var clock = nodes[random.Next(nodes.Length)].Clock;
        var others = steps.Where(step => step != clock.Ahead).ToArray();
        clock.Set(others[random.Next(others.Length)]);
        return new Injected(DateTime.UtcNow);
    }
}
