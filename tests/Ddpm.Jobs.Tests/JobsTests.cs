using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests;

/// <summary>Tests of several processes that share one database.</summary>
public abstract class JobsTests : IAsyncLifetime
{
    private const string Connection = "Database:ConnectionString";

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

    /// <summary>Another process on the same database, for which it is later, also by the clock of a database that judges.</summary>
    internal async Task<JobsHost> AnotherHostAsync(TimeSpan ahead = default)
    {
        var settings = new Dictionary<string, string?>(_settings);
        if (ahead != default && settings.TryGetValue(Connection, out var connection))
            settings[Connection] = await DatabaseClock.AheadAsync(connection!, ahead);
        var host = await JobsHost.StartAsync(settings);
        host.Clock.Shift = ahead;
        _others.Add(host);
        return host;
    }
}
