using Ddpm.Jobs.Life;
using Ddpm.TestSupport;

namespace Ddpm.Worker.Tests;

/// <summary>Tests of a worker on a folder of its own.</summary>
public abstract class WorkerTests : IAsyncLifetime
{
    private readonly List<WorkerHost> _hosts = [];

    internal WorkerHost Host => _hosts[0];

    protected TemporaryFolder Folder { get; } = new();

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Folder.At("allowed"));
        await AnotherHostAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _hosts)
            await host.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Another process on the same rows and files.</summary>
    internal async Task<WorkerHost> AnotherHostAsync(params IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var host = await WorkerHost.StartAsync(Folder, settings);
        _hosts.Add(host);
        return host;
    }

    private protected static void AssertSucceeded(Job job) => Assert.Equal((JobStatus.Succeeded, null), (job.Status, job.Error));
}
