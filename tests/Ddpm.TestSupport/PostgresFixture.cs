using System.Net;
using System.Net.Sockets;
using Npgsql;
using Xunit;

namespace Ddpm.TestSupport;

/// <summary>A PostgreSQL server of the tests' own, in a temporary folder, started when a test first asks for a database.</summary>
/// <remarks>Use as <c>[assembly: AssemblyFixture(typeof(PostgresFixture))]</c>. Without PostgreSQL's programs the test is skipped, or
/// fails where <c>DDPM_TEST_REQUIRE</c> contains <c>postgres</c>.</remarks>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);
    private string? _programs;
    private string? _folder;
    private int _port;
    private int _databases;

    /// <summary>Makes an empty database and returns how to connect to it.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var connectionString = await NameDatabaseAsync();
        var name = new NpgsqlConnectionStringBuilder(connectionString).Database;
        await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
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
            if (_folder is null)
                await StartAsync();
        }
        finally
        {
            _gate.Release();
        }

        return ConnectionString($"test{Interlocked.Increment(ref _databases)}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_folder is not null)
        {
            NpgsqlConnection.ClearAllPools();
            await RunAsServerUserAsync(Path.Combine(_programs!, "pg_ctl"), "-D", Path.Combine(_folder, "data"), "-m", "immediate", "-w", "stop");
            await RunAsServerUserAsync("rm", "-rf", "--", _folder);
        }

        _gate.Dispose();
    }

    private string ConnectionString(string database) =>
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = _port, Username = "postgres", Database = database, MaxPoolSize = 40 }.ConnectionString;

    private async Task StartAsync()
    {
        _programs = FindPrograms();
        if (_programs is null)
        {
            const string Reason = "PostgreSQL's programs (initdb, pg_ctl) are neither on the PATH nor in /usr/lib/postgresql.";
            if (Environment.GetEnvironmentVariable("DDPM_TEST_REQUIRE")?.Contains("postgres", StringComparison.OrdinalIgnoreCase) == true)
                Assert.Fail(Reason);
            Assert.Skip(Reason);
        }

        var folder = (await RunAsServerUserAsync("mktemp", "-d", "/tmp/ddpm-postgres-XXXXXX")).Trim();
        var data = Path.Combine(folder, "data");
        await RunAsServerUserAsync(
            Path.Combine(_programs, "initdb"), "-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync");
        _port = FreePort();
        await RunAsServerUserAsync(
            Path.Combine(_programs, "pg_ctl"), "-D", data, "-w", "-l", Path.Combine(folder, "log"),
            "-o", $"-p {_port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200", "start");
        _folder = folder;
    }

    private static string? FindPrograms()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        var packaged = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin"))
            : [];
        return path.Concat(packaged).FirstOrDefault(
            folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "pg_ctl")));
    }

    // The server refuses to run as root; Debian's package makes a user for it.
    private static Task<string> RunAsServerUserAsync(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? Programs.RunAsync("runuser", ["-u", "postgres", "--", program, .. arguments], workingDirectory: "/tmp")
        : Programs.RunAsync(program, arguments, workingDirectory: "/tmp");

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
