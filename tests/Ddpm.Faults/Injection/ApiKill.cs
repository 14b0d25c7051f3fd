using System.Diagnostics;
using System.Net;
using Ddpm.Faults.Clusters;

namespace Ddpm.Faults.Injection;

/// <summary>The API gets SIGKILL, and its container starts it again.</summary>
internal sealed class ApiKill : Fault
{
    public override string Name => "SIGKILL of the API";

    public override string Recovery => "from the kill until it answers again, its start included";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var (at, watch) = (DateTime.UtcNow, Stopwatch.StartNew());
        await cluster.Api.KillAsync();
        cluster.Api.Start();
        await AnswersAsync(cluster);
        return new Injected(at, RecoveredIn: watch.Elapsed);
    }

    /// <summary>Waits until the API says that it is ready.</summary>
    public static async Task AnswersAsync(Cluster cluster)
    {
        var watch = Stopwatch.StartNew();
        while (await cluster.User.TryGetAsync("/healthz/ready") != HttpStatusCode.OK)
        {
            if (watch.Elapsed > TimeSpan.FromMinutes(2))
                throw new TimeoutException($"The API was not ready within {watch.Elapsed}.\n{cluster.Describe()}");
            await Task.Delay(TimeSpan.FromMilliseconds(50));
        }
    }
}
