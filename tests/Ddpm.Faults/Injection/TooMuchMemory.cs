using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>Somebody asks for more than the workers give memory for, while others draw.</summary>
internal sealed class TooMuchMemory(Workload workload) : Fault
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    public override string Name => "a request for more memory than a worker gives";

    public override string Recovery => "until it has failed, and its row names the limit";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var at = DateTime.UtcNow;
        var view = await cluster.User.UntilEndedAsync(await workload.SampleTooMuchAsync(), Limit);
        if ((string?)view["status"] != "failed" || !((string?)view["error"])!.Contains(Workload.Limit, StringComparison.Ordinal))
            throw new InvalidOperationException($"A request for too much memory was to fail and to name {Workload.Limit}: {view}");
        return new Injected(at, RecoveredIn: DateTime.UtcNow - at);
    }
}
