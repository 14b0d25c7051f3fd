using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests;

/// <summary>Tests of several processes that share one database.</summary>
public abstract class JobsTests : IAsyncLifetime
{
    private readonly List<JobsHost> _others = [];
    private Dictionary<string, string?> _settings = [];
    private JobsHost? _host;

    internal JobsHost Host => _host!;

    protected TemporaryFolder Folder { get; } = new();

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _settings = await SettingsAsync();
        _host = await JobsHost.StartAsync(_settings);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in _others.Append(_host).OfType<JobsHost>())
            await host.DisposeAsync();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<Dictionary<string, string?>> SettingsAsync();

    /// <summary>Another process on the same database, whose clock is ahead.</summary>
    internal async Task<JobsHost> AnotherHostAsync(TimeSpan ahead = default)
    {
        var host = await JobsHost.StartAsync(_settings);
        host.Clock.Shift = ahead;
        _others.Add(host);
        return host;
    }
}
