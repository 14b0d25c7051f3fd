using Ddpm.Faults.Clusters;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Injection;

/// <summary>Somebody sets the clock of a machine, the API's or a worker's, by up to an hour in either direction; it stays wrong, also for those that start there later, until it is set again.</summary>
internal sealed class ClockStep : Fault
{
    private static readonly TimeSpan Stale = TimeSpan.FromSeconds(2.5); // answers bear whole seconds, of a time that Kestrel looks at once a second

    public override string Name => "the clock of the API or of a worker set, by up to an hour in either direction";

    public override string Recovery => "nothing is to happen";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (!await WallClock.IsPossibleAsync())
            return null;
        var lease = cluster.Settings.Lease;
        TimeSpan[] steps = [-TimeSpan.FromHours(1), -2 * lease, -lease / 2, TimeSpan.Zero, lease / 2, 2 * lease, TimeSpan.FromHours(1)];
        Node[] nodes = [cluster.Api, .. cluster.Workers];
        var node = nodes[random.Next(nodes.Length)];
        var others = steps.Where(step => step != node.Clock.Ahead).ToArray();
        node.Clock.Set(others[random.Next(others.Length)]);
        if (node == cluster.Api)
            await Eventually.BecomesTrueAsync("the API's answers bear the time that was set", async () => await cluster.User.TimeOfAnswersAsync() - DateTimeOffset.UtcNow - node.Clock.Ahead is { } off
                && off > -Stale && off < Stale / 4);
        return new Injected(DateTime.UtcNow);
    }
}
