using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Life;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>Keeps the models that were used last. Each serves one request at a time; different ones work side by side.</summary>
internal sealed class ModelCache(WorkerDevice device, ArtifactStore artifacts, IOptions<WorkerOptions> options) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(Guid Checkpoint, SamplingPrecision Precision), Entry> _entries = [];
    private long _uses;

    /// <summary>Works with a model, loading it where it is not there.</summary>
    /// <param name="checkpoint">Which.</param>
    /// <param name="precision">What it computes in: each has weights of its own.</param>
    /// <param name="work">Must not keep the model.</param>
    /// <param name="cancellationToken">Ends the wait for the model; <paramref name="work"/> looks at it itself.</param>
    /// <exception cref="JobFailedException">Its files are gone or damaged.</exception>
    /// <exception cref="SamplingException">The device lacks the precision.</exception>
    public T Use<T>(Checkpoint checkpoint, SamplingPrecision precision, Func<DiffusionModel, T> work, CancellationToken cancellationToken)
    {
        var entry = Enter((checkpoint.Id, precision));
        try
        {
            entry.Turn.Wait(cancellationToken);
            try
            {
                entry.Model ??= Load(checkpoint, precision);
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

    /// <summary>Loads a model for the caller alone, who disposes it.</summary>
    /// <exception cref="JobFailedException">Its files are gone or damaged.</exception>
    public DiffusionModel LoadAlone(Checkpoint checkpoint) => Load(checkpoint, SamplingPrecision.Float32);

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var entry in _entries.Values)
                entry.Dispose();
            _entries.Clear();
        }
    }

    // Wrong weights draw wrong pictures without a word, so they are compared once with what was recorded.
    private DiffusionModel Load(Checkpoint checkpoint, SamplingPrecision precision)
    {
        if (!artifacts.Exists(checkpoint.ArtifactKey))
            throw new JobFailedException("The files of the checkpoint are not there any more; choose another.");
        var folder = artifacts.PathOf(checkpoint.ArtifactKey);
        if (DiffusersFolder.Open(folder).WeightsSha256() != checkpoint.Sha256)
            throw new JobFailedException("The checkpoint is damaged: its weights are not those that were recorded. Choose another.");
        return DiffusionModel.Load(folder, device.Device, precision);
    }

    private Entry Enter((Guid Checkpoint, SamplingPrecision Precision) key)
    {
        lock (_lock)
        {
            if (!_entries.TryGetValue(key, out var entry))
                _entries[key] = entry = new Entry();
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
            foreach (var (key, entry) in idle.Skip(options.Value.CachedModels).Concat(idle.Where(pair => pair.Value.Model is null)).ToList())
            {
                if (_entries.Remove(key))
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
