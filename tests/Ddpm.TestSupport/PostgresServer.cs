using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Ddpm.TestSupport;

/// <summary>A PostgreSQL server in a temporary folder, which can be stopped, killed and started again on the same port.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const int StartAttempts = 20;
    private static readonly ConcurrentDictionary<PostgresServer, bool> Alive = new();

    private readonly string _programs;
    private readonly string _folder;
    private readonly int _port;
    private readonly bool _durable;

    // Of tests that are broken off, too, nothing is to stay.
    static PostgresServer() => EndOfTests.Do(() => Alive.Keys, server => server.DisposeAsync().AsTask().Wait());

    private PostgresServer(string programs, string folder, int port, bool durable) => (_programs, _folder, _port, _durable) = (programs, folder, port, durable);

    private string Data => Path.Combine(_folder, "data");

    /// <summary>The folder of <c>initdb</c> and <c>pg_ctl</c>; null where PostgreSQL is not installed.</summary>
    public static string? FindPrograms()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        var packaged = Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin"))
            : [];
        return path.Concat(packaged).FirstOrDefault(
            folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "pg_ctl")));
    }

    /// <summary>Makes an empty server and starts it.</summary>
    /// <param name="programs">What <see cref="FindPrograms"/> found.</param>
    /// <param name="durable">Whether it waits for the disk: needed only where it is to be killed.</param>
    public static async Task<PostgresServer> StartNewAsync(string programs, bool durable)
    {
        var folder = (await RunAsServerUserAsync("mktemp", "-d", "/tmp/ddpm-postgres-XXXXXX")).Trim();
        var server = new PostgresServer(programs, folder, FreePort.Find(), durable);
        Alive[server] = true;
        await RunAsServerUserAsync(
            Path.Combine(programs, "initdb"), "-D", server.Data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync");
        await server.StartAsync();
        return server;
    }

    /// <summary>How to connect to a database of this server, which need not be there yet.</summary>
    public string ConnectionString(string database) =>
        new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = _port, Username = "postgres", Database = database, MaxPoolSize = 40 }.ConnectionString;

    /// <summary>Starts it again.</summary>
    /// <remarks>After a kill, shared memory may be in use for another moment.</remarks>
    public async Task StartAsync()
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await ControlAsync(
                    "-w", "-l", Path.Combine(_folder, "log"), "-o",
                    $"-p {_port} -k {_folder} -c listen_addresses=127.0.0.1 -c fsync={(_durable ? "on" : "off")} -c max_connections=200", "start");
                return;
            }
            catch (InvalidOperationException) when (attempt < StartAttempts)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250));
            }
        }
    }

    /// <summary>Stops it.</summary>
    /// <param name="mode"><c>fast</c>: sessions are told and end; <c>immediate</c>: as a crash, with a recovery at the next start.</param>
    public Task StopAsync(string mode) => ControlAsync("-m", mode, "-w", "stop");

    /// <summary>Kills all its processes at once, as a power cut would.</summary>
    public async Task KillAsync()
    {
        var postmaster = int.Parse(
            await RunAsServerUserAsync("head", "-n", "1", Path.Combine(Data, "postmaster.pid")), CultureInfo.InvariantCulture);
        foreach (var process in (List<int>)[postmaster, .. ChildrenOf(postmaster)])
        {
            try
            {
                using var running = Process.GetProcessById(process);
                running.Kill();
                await running.WaitForExitAsync();
            }
            catch (ArgumentException)
            {
                // It has ended by itself: children follow their parent.
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        try
        {
            await StopAsync("immediate");
        }
        catch (InvalidOperationException)
        {
            // It was not running.
        }

        await RunAsServerUserAsync("rm", "-rf", "--", _folder);
        Alive.TryRemove(this, out _);
    }

    private static IEnumerable<int> ChildrenOf(int parent)
    {
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var process))
                continue;
            string stat;
            try
            {
                stat = File.ReadAllText(Path.Combine(folder, "stat"));
            }
            catch (IOException)
            {
                continue; // it has just ended
            }

            // pid (name) state parent …; the name may hold anything but ends at the last parenthesis.
            if (stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == parent.ToString(CultureInfo.InvariantCulture))
                yield return process;
        }
    }

    private Task<string> ControlAsync(params string[] arguments) => RunAsServerUserAsync(Path.Combine(_programs, "pg_ctl"), ["-D", Data, .. arguments]);

    // The server refuses to run as root; Debian's package makes a user for it.
    private static Task<string> RunAsServerUserAsync(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? Programs.RunAsync("runuser", ["-u", "postgres", "--", program, .. arguments], workingDirectory: "/tmp")
        : Programs.RunAsync(program, arguments, workingDirectory: "/tmp");
}
