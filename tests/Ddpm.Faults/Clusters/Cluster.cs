using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Ddpm.TestSupport;
using Npgsql;

namespace Ddpm.Faults.Clusters;

/// <summary>A PostgreSQL server, one API and several workers, each a process that can be ended at any moment, and someone who uses them.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    /// <summary>Of a checkpoint, below its folder.</summary>
    public const string Weights = "unet/diffusion_pytorch_model.safetensors";

    private static readonly string[] Tearable = [Weights, "unet/config.json", "training/adamw.safetensors", "training/raw_weights.safetensors", "training/state.json"];

    private readonly TemporaryFolder _folder = new();
    private readonly Dictionary<string, string> _environment;

    private Cluster(PostgresServer postgres, ClusterSettings settings)
    {
        (Postgres, Settings) = (postgres, settings);
        var address = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{FreePort.Find()}"));
        _environment = EnvironmentOf(settings, address);
        User = new ServiceUser(address);
        History = new History(ConnectionString);
    }

    public ClusterSettings Settings { get; }

    public PostgresServer Postgres { get; }

    public Node Api { get; private set; } = null!;

    public IReadOnlyList<Node> Workers { get; private set; } = [];

    /// <summary>Those that no signal has stopped.</summary>
    public IEnumerable<Node> Awake => Workers.Where(worker => !worker.IsFrozen);

    public ServiceUser User { get; }

    public History History { get; }

    /// <summary>How the harness itself reads the database: without a pool, whose connections would outlive the server.</summary>
    public string ConnectionString => new NpgsqlConnectionStringBuilder(Postgres.ConnectionString("ddpm")) { Pooling = false }.ConnectionString;

    /// <summary>The folder of the artifacts.</summary>
    public string Artifacts => Settings.Artifacts ?? _folder.At("artifacts");

    /// <summary>Starts everything and waits until all of it answers.</summary>
    public static async Task<Cluster> StartAsync(ClusterSettings settings)
    {
        var cluster = new Cluster(await PostgresServer.StartNewAsync(settings.Programs, durable: true), settings);
        try
        {
            cluster.Api = await cluster.NodeAsync("API", "Api");
            List<Node> workers = [];
            for (var n = 1; n <= settings.Workers; n++)
                workers.Add(await cluster.NodeAsync(string.Create(CultureInfo.InvariantCulture, $"worker {n}"), "Worker"));
            cluster.Workers = workers;
            cluster.Api.Start();
            await cluster.Api.UntilListeningAsync();
            await cluster.History.BeginAsync();
            foreach (var worker in cluster.Workers)
                worker.Start();
            await Task.WhenAll(cluster.Workers.Select(worker => worker.UntilListeningAsync()));
            return cluster;
        }
        catch
        {
            Console.WriteLine(cluster.Describe());
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>Keys of the checkpoints of which half was torn off: their rows stay, and say that no run can go on from them.</summary>
    public ConcurrentQueue<string> Torn { get; } = new();

    /// <summary>Tears off half of one file of a checkpoint, whichever it is.</summary>
    public void Tear(string checkpoint, Random random)
    {
        var files = Tearable.Select(name => Path.Combine(Artifacts, checkpoint, name)).Where(File.Exists).ToList();
        using var file = new FileStream(files[random.Next(files.Count)], FileMode.Open);
        file.SetLength(file.Length / 2);
        Torn.Enqueue(checkpoint);
    }

    /// <summary>SHA-256 of an artifact's files, one after another in the order of their names; says so where there is none.</summary>
    /// <param name="key">A folder.</param>
    public string HashOf(string key)
    {
        if (!Directory.Exists(Path.Combine(Artifacts, key)))
            return $"{key} is not there";
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Artifacts, key), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            hash.AppendData(File.ReadAllBytes(file));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The end of what each process printed.</summary>
    public string Describe() => string.Concat(((IEnumerable<Node>)[Api, .. Workers]).Select(node => node.Describe()));

    /// <summary>Writes all that each process printed into a folder that stays.</summary>
    /// <returns>The folder.</returns>
    public string KeepOutput()
    {
        var folder = Directory.CreateTempSubdirectory("ddpm-faults-").FullName;
        foreach (var node in (IEnumerable<Node>)[Api, .. Workers])
            File.WriteAllText(Path.Combine(folder, $"{node.Name}.log"), node.Output);
        return folder;
    }

    /// <summary>The processes that ended though nobody ended them.</summary>
    public IEnumerable<string> Dead() => ((IEnumerable<Node>)[Api, .. Workers]).Where(node => node.HasDied).Select(node => $"{node.Name} died: {node.Describe()}");

    /// <summary>Runs a statement.</summary>
    public async Task<int> ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
#pragma warning disable CA2100 // Written in this project.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in (IEnumerable<Node>)[.. Workers, Api])
            await node.DisposeAsync();
        User.Dispose();
        await Postgres.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<Node> NodeAsync(string name, string program)
    {
        var clock = new WallClock(_folder.At($"{name}.clock"));
        return new Node(name, PathOf(program), new(_environment.Concat(await clock.SettingsAsync())), _folder.Path, clock);
    }

    private Dictionary<string, string> EnvironmentOf(ClusterSettings settings, Uri address) => new(settings.More)
    {
        ["Database__Provider"] = "Postgres",
        ["Database__ConnectionString"] = Postgres.ConnectionString("ddpm"),
        ["Artifacts__Root"] = Artifacts,
        ["Data__Root"] = _folder.At("data"),
        ["ASPNETCORE_URLS"] = address.AbsoluteUri,
        ["Worker__HealthUrl"] = "http://127.0.0.1:0",
        ["Worker__Device"] = "cpu",
        ["Worker__MaxLostLeases"] = "100", // a job may well be struck five times in a row here
        ["Worker__MaxMemoryBytes"] = "12582912", // some requests of four pictures at once, and not one of 256 with all their steps
        ["Worker__Threads"] = "1", // several workers share the cores
        ["Worker__ProgressInterval"] = "00:00:00.050",
        ["Worker__LeaseDuration"] = settings.Lease.ToString("c", CultureInfo.InvariantCulture),
        ["Worker__LeaseRenewal"] = (settings.Lease / 6).ToString("c", CultureInfo.InvariantCulture),
        ["Worker__ReconcileInterval"] = (settings.Lease / 3).ToString("c", CultureInfo.InvariantCulture),
        ["Leftovers__StagingAge"] = "00:00:30",
        ["Leftovers__ArtifactAge"] = "00:00:30",
        ["Leftovers__SweepInterval"] = "00:00:10",
        ["Serilog__MinimumLevel__Override__Serilog.AspNetCore"] = "Warning", // not every request
    };

    private static string PathOf(string program) => BuiltPrograms.PathOf(typeof(Cluster).Assembly, program);
}
