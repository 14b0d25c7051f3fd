using System.Text.Json.Nodes;
using Ddpm.Services.Tests.Running;
using Ddpm.TestSupport;

namespace Ddpm.Services.Tests.Postgres;

/// <summary>API and worker as two processes on one PostgreSQL database, and a run that they have trained; started when a test first asks.</summary>
public sealed class SplitService(PostgresFixture postgres) : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly List<RunningProgram> _programs = [];
    private DdpmClient? _client;
    private JsonNode? _trained;

    internal DdpmClient Client => _client!;

    /// <summary>A run of 24 steps on the emoji that has succeeded.</summary>
    internal JsonNode Trained => _trained!;

    internal string TrainedId => (string)Trained["id"]!;

    /// <summary>Settings of both programs.</summary>
    internal static Dictionary<string, string> Settings(TemporaryFolder folder, string connectionString) => new()
    {
        ["Database__Provider"] = "Postgres",
        ["Database__ConnectionString"] = connectionString,
        ["Artifacts__Root"] = folder.At("artifacts"),
        ["ASPNETCORE_URLS"] = "http://127.0.0.1:0",
        ["Worker__HealthUrl"] = "http://127.0.0.1:0",
        ["Worker__Device"] = "cpu",
        ["Worker__ProgressInterval"] = "00:00:00.010",
        ["Serilog__MinimumLevel__Override__Serilog.AspNetCore"] = "Warning", // not every request
    };

    internal async Task StartAsync()
    {
        if (_trained is not null)
            return;
        if (_programs.Count > 0)
            Assert.Fail("The programs could not be used by the first test; see there.");

        // Both find an empty database and make its tables, each guarding against the other.
        var settings = Settings(_folder, await postgres.NameDatabaseAsync());
        foreach (var dll in new[] { ServicePrograms.Api, ServicePrograms.Worker })
            _programs.Add(RunningProgram.Start(dll, [], settings, _folder.Path));
        _client = new DdpmClient(await _programs[0].UntilListeningAsync());
        await _programs[1].UntilListeningAsync();
        var run = await _client.TrainAsync(await _client.UploadEmojiAsync(), "\"steps\": 24, \"checkpointEverySteps\": 8, \"seed\": 1");
        _trained = await _client.UntilEndedAsync($"/training-runs/{run}", "succeeded");
    }

    /// <summary>What the programs printed, for the report of a failed test.</summary>
    internal string Describe() => string.Concat(_programs.Select(program => program.Describe()));

    public async ValueTask DisposeAsync()
    {
        _client?.Dispose();
        foreach (var program in _programs)
            await program.DisposeAsync();
        _folder.Dispose();
    }
}

/// <summary>The classes that share the programs.</summary>
[CollectionDefinition]
public sealed class SharedSplitService : ICollectionFixture<SplitService>;

/// <summary>A class of tests that share them.</summary>
[Collection<SharedSplitService>, Trait("Category", "services")]
public abstract class SplitServiceTests(SplitService service) : IAsyncLifetime
{
    internal DdpmClient Client => service.Client;

    internal SplitService Service => service;

    public async ValueTask InitializeAsync() => await service.StartAsync();

    public ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
            TestContext.Current.TestOutputHelper?.WriteLine(service.Describe());
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }
}
