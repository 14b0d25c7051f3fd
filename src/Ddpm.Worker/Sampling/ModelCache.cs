using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Life;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>Keeps the models that were used last. Any number of requests use one at once; those that nobody uses go, the one used longest ago first, where there
/// are more of them, or of their bytes, than the settings say.</summary>
internal sealed partial class ModelCache(
    WorkerDevice device, ArtifactStore artifacts, IOptions<WorkerOptions> options, ILogger<ModelCache> logger) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(Guid Checkpoint, SamplingPrecision Precision), Entry> _entries = [];
    private (long Calls, long Rows) _askedOfThoseGone;
    private long _uses;
    private bool _isDisposed;

    /// <summary>Models that are loaded.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    /// <summary>Network calls of all models so far, and the pictures of those calls.</summary>
    public (long Calls, long Rows) Asked
    {
        get
        {
            lock (_lock)
                return _entries.Values.Aggregate(_askedOfThoseGone, (sum, entry) => entry.Model.IsValueCreated ? Add(sum, entry.Model.Value.Meter) : sum);
        }
    }

    /// <summary>Works with a model, loading it where it is not there.</summary>
    /// <param name="checkpoint">Which.</param>
    /// <param name="precision">What it computes in: each has weights of its own.</param>
    /// <param name="work">Must not keep the model.</param>
    /// <exception cref="JobFailedException">Its files are gone or damaged.</exception>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public T Use<T>(Checkpoint checkpoint, SamplingPrecision precision, Func<DiffusionModel, T> work)
    {
        var key = (checkpoint.Id, precision);
        var entry = Enter(key, () => Load(checkpoint, precision));
        try
        {
            return work(entry.Model.Value);
        }
        finally
        {
            Leave(key, entry);
        }
    }

    /// <summary>Loads a model for the caller alone, who disposes it.</summary>
    /// <exception cref="JobFailedException">Its files are gone or damaged.</exception>
    public DiffusionModel LoadAlone(Checkpoint checkpoint) => Load(checkpoint, SamplingPrecision.Float32);

    /// <summary>Those in use go when they are left: under a running loop memory of libtorch must not be freed.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            MakeRoom(0);
        }
    }

    // Wrong weights draw wrong pictures without a word, so they are compared once with what was recorded.
    private DiffusionModel Load(Checkpoint checkpoint, SamplingPrecision precision)
    {
        using var span = Tracing.Start("load model")?.SetTag("ddpm.checkpoint.id", checkpoint.Id.ToString());
        if (!artifacts.Exists(checkpoint.ArtifactKey))
            throw new JobFailedException("The files of the checkpoint are not there any more; choose another.");
        var folder = artifacts.PathOf(checkpoint.ArtifactKey);
        if (DiffusersFolder.Open(folder).WeightsSha256() != checkpoint.Sha256)
            throw new JobFailedException("The checkpoint is damaged: its weights are not those that were recorded. Choose another.");
        return DiffusionModel.Load(folder, device.Device, precision, options.Value.Threads);
    }

    private Entry Enter((Guid Checkpoint, SamplingPrecision Precision) key, Func<DiffusionModel> load)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry))
            {
                MakeRoom(options.Value.CachedModels - 1);
                _entries[key] = entry = new Entry(load);
            }

            entry.Users++;
            entry.LastUse = ++_uses;
            return entry;
        }
    }

    private void Leave((Guid Checkpoint, SamplingPrecision Precision) key, Entry left)
    {
        lock (_lock)
        {
            left.Users--;
            if (!left.Model.IsValueCreated && _entries.GetValueOrDefault(key) == left)
                _entries.Remove(key); // it could not be loaded: those who waited with this one have heard so, the next tries again
            MakeRoom(_isDisposed ? 0 : options.Value.CachedModels);
            TellObstacle(key.Checkpoint, left);
        }
    }

    // Known only once a few calls were to be recorded.
    private void TellObstacle(Guid checkpoint, Entry entry)
    {
        if (entry.IsObstacleTold || !entry.Model.IsValueCreated || entry.Model.Value.Obstacle is not { } obstacle)
            return;
        entry.IsObstacleTold = true;
        LogObstacle(checkpoint, obstacle);
    }

    private void MakeRoom(int models)
    {
        if (_entries.Count == 0)
            return;
        var most = options.Value.CachedModelBytes ?? (device.MemoryBytes / 4) ?? long.MaxValue;
        foreach (var (key, entry) in _entries.Where(pair => pair.Value.Users == 0).OrderBy(pair => pair.Value.LastUse).ToList())
        {
            if (_entries.Count <= models && _entries.Values.Sum(loaded => loaded.Bytes) <= most)
                return;
            _entries.Remove(key);
            if (entry.Model.IsValueCreated)
                _askedOfThoseGone = Add(_askedOfThoseGone, entry.Model.Value.Meter);
            entry.Dispose();
        }
    }

    private static (long Calls, long Rows) Add((long Calls, long Rows) sum, NetworkMeter meter) => (sum.Calls + meter.Calls, sum.Rows + meter.Rows);

    [LoggerMessage(Level = LogLevel.Information, Message = "Calls of checkpoint {Checkpoint} are not recorded as CUDA graphs, so that small batches take longer: {Obstacle}")]
    private partial void LogObstacle(Guid checkpoint, string obstacle);

    private sealed class Entry(Func<DiffusionModel> load) : IDisposable
    {
        /// <summary>Loaded by the first who asks; the others wait for that.</summary>
        public Lazy<DiffusionModel> Model { get; } = new(load);
        public int Users { get; set; }
        public long LastUse { get; set; }
        public bool IsObstacleTold { get; set; }
        public long Bytes => Model.IsValueCreated ? Model.Value.MemoryBytes : 0;

        public void Dispose()
        {
            if (Model.IsValueCreated)
                Model.Value.Dispose();
        }
    }
}
