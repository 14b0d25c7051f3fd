using Npgsql;
using Xunit;

namespace Ddpm.TestSupport;

/// <summary>A PostgreSQL server of the tests' own, in a temporary folder, started when a test first asks for a database.</summary>
/// <remarks>Use as <c>[assembly: AssemblyFixture(typeof(PostgresFixture))]</c>. Without PostgreSQL's programs the test is skipped, or
/// fails where <c>DDPM_TEST_REQUIRE</c> contains <c>postgres</c>.</remarks>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private PostgresServer? _server;
    private int _databases;

    /// <summary>The folder of PostgreSQL's programs; skips the test, or fails it, where there is none.</summary>
    public static string RequirePrograms()
    {
        if (PostgresServer.FindPrograms() is { } programs)
            return programs;
        const string Reason = "PostgreSQL's programs (initdb, pg_ctl) are neither on the PATH nor in /usr/lib/postgresql.";
        if (Environment.GetEnvironmentVariable("DDPM_TEST_REQUIRE")?.Contains("postgres", StringComparison.OrdinalIgnoreCase) == true)
            Assert.Fail(Reason);
        Assert.Skip(Reason);
        return "";
    }

    /// <summary>Makes an empty database and returns how to connect to it.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var connectionString = await NameDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(connectionString).Database;
        await using var connection = new NpgsqlConnection(_server!.ConnectionString("postgres"));
        await connection.OpenAsync();
        await using var create = connection.CreateCommand();
#pragma warning disable CA2100 // The name is made below, from letters and digits.
        create.CommandText = $"CREATE DATABASE {name}";
#pragma warning restore CA2100
        await create.ExecuteNonQueryAsync();
        return connectionString;
    }

    /// <summary>How to connect to a database that is not there yet.</summary>
    public async Task<string> NameDatabaseAsync()
    {
        await _gate.WaitAsync();
        try
        {
            _server ??= await PostgresServer.StartNewAsync(RequirePrograms(), durable: false);
        }
        finally
        {
            _gate.Release();
        }

        // Of hundreds of databases on one server each is used for seconds: what is idle is to let others in.
        var settings = new NpgsqlConnectionStringBuilder(_server.ConnectionString($"test{Interlocked.Increment(ref _databases)}")) { ConnectionIdleLifetime = 20, ConnectionPruningInterval = 5 };
        return settings.ConnectionString;
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        _gate.Dispose();
    }
}
