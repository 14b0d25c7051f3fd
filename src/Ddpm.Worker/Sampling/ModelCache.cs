using Ddpm.Engine;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>Keeps the models that were used last. Each serves one request at a time; different ones work side by side.</summary>
internal sealed class ModelCache(WorkerDevice device, IOptions<WorkerOptions> options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, Entry> _entries = [];
    private long _uses;

    /// <summary>Works with a model, loading it where it is not there.</summary>
    /// <param name="checkpointId">Which.</param>
    /// <param name="folder">Where it lies.</param>
    /// <param name="work">Must not keep the model.</param>
    /// <param name="cancellationToken">Ends the wait for the model; <paramref name="work"/> looks at it itself.</param>
    public T Use<T>(Guid checkpointId, string folder, Func<DiffusionModel, T> work, CancellationToken cancellationToken)
    {
        var entry = Enter(checkpointId);
        try
        {
            entry.Turn.Wait(cancellationToken);
            try
            {
                entry.Model ??= Load(folder);
                return work(entry.Model);
            }
            finally
            {
                entry.Turn.Release();
            }
        }
        finally
        {
            Leave(entry);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var entry in _entries.Values)
                entry.Dispose();
            _entries.Clear();
        }
    }

    private DiffusionModel Load(string folder)
    {
        lock (device.Construction)
            return DiffusionModel.Load(folder, device.Device);
    }

    private Entry Enter(Guid checkpointId)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(checkpointId, out var entry))
                _entries[checkpointId] = entry = new Entry();
            entry.Users++;
            entry.LastUse = ++_uses;
            return entry;
        }
    }

    private void Leave(Entry left)
    {
        lock (_lock)
        {
            left.Users--;
            var idle = _entries.Where(pair => pair.Value.Users == 0).OrderByDescending(pair => pair.Value.Model is not null).ThenByDescending(pair => pair.Value.LastUse);
            foreach (var (id, entry) in idle.Skip(options.Value.CachedModels).Concat(idle.Where(pair => pair.Value.Model is null)).ToList())
            {
                if (_entries.Remove(id))
                    entry.Dispose();
            }
        }
    }

    private sealed class Entry : IDisposable
    {
        public SemaphoreSlim Turn { get; } = new(1, 1);
        public DiffusionModel? Model { get; set; }
        public int Users { get; set; }
        public long LastUse { get; set; }

        public void Dispose()
        {
            Model?.Dispose();
            Turn.Dispose();
        }
    }
}
