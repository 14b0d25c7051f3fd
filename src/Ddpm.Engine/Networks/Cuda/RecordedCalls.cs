using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cuda;

/// <summary>A call of a network that was recorded for inputs of one shape.</summary>
internal interface IRecordedCall : IDisposable
{
    /// <summary>Repeats it with other values.</summary>
    /// <returns>A tensor of its own; dies with the caller's scope.</returns>
    Tensor Replay(Tensor sample, Tensor timesteps, Tensor? classLabels);
}

/// <summary>Records one call of <c>network</c> with these inputs.</summary>
/// <exception cref="CudaGraphException">It cannot be recorded.</exception>
internal delegate IRecordedCall CallRecorder(Denoiser network, Tensor sample, Tensor timesteps, Tensor? classLabels);

/// <summary>Calls a network, and repeats recordings of it where the same shapes come again and again. Where recording fails, once, all calls go the usual way.</summary>
/// <param name="network">Called. Borrowed.</param>
/// <param name="record">Makes a recording.</param>
internal sealed class RecordedCalls(Denoiser network, CallRecorder record) : IDisposable
{
    /// <summary>From here on the kernels take longer than their launches (a recording keeps all its memory, too).</summary>
    public const int LargestBatch = 16;

    /// <summary>Pictures that leave a batch one by one would have every size recorded once; it takes as long as some calls.</summary>
    public const int CallsBeforeRecording = 2;

    /// <summary>Each keeps the memory of one call.</summary>
    public const int MostRecordings = 6;

    // Two runs of the same kernels differ only where sums are taken in no fixed order.
    private const double LargestError = 1e-2;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = [];
    private long _uses;

    /// <summary>Why nothing is recorded; null where it is, or nothing came yet that would be.</summary>
    public string? Obstacle { get; private set; }

    /// <summary>How many recordings there are.</summary>
    public int Count => _entries.Values.Count(entry => entry.Call is not null);

    /// <summary>As <see cref="Denoiser"/>; in inference mode.</summary>
    public Tensor Call(Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        lock (_lock) // a recording has one set of inputs
        {
            if (Obstacle is not null || sample.shape[0] > LargestBatch)
                return network(sample, timesteps, classLabels);
            var entry = Find($"{string.Join('x', sample.shape)} {timesteps.dtype}[{timesteps.shape[0]}] {classLabels is not null}");
            if (entry.Call is null && entry.Calls++ < CallsBeforeRecording)
                return network(sample, timesteps, classLabels);
            return entry.Call is { } recorded ? TryReplay(recorded, sample, timesteps, classLabels) : TryRecord(entry, sample, timesteps, classLabels);
        }
    }

    public void Dispose()
    {
        foreach (var entry in _entries.Values)
            entry.Call?.Dispose();
        _entries.Clear();
    }

    private Entry Find(string key)
    {
        if (!_entries.TryGetValue(key, out var entry))
            _entries[key] = entry = new Entry();
        entry.LastUse = ++_uses;
        return entry;
    }

    // The usual call's answer is the judge, and the result.
    private Tensor TryRecord(Entry entry, Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        MakeRoom();
        var expected = network(sample, timesteps, classLabels);
        IRecordedCall? recorded = null;
        try
        {
            recorded = record(network, sample, timesteps, classLabels);
            using var scope = NewDisposeScope();
            var error = (recorded.Replay(sample, timesteps, classLabels) - expected).abs().max().item<float>();
            if (!(error <= LargestError * expected.abs().max().item<float>()))
                throw new CudaGraphException($"the recorded call is off by {error:G3}");
            (entry.Call, recorded) = (recorded, null);
        }
        catch (CudaGraphException fault)
        {
            GiveUp(fault);
        }
        finally
        {
            recorded?.Dispose(); // not as it should be, or never compared, where memory ran out
        }

        return expected;
    }

    private Tensor TryReplay(IRecordedCall recorded, Tensor sample, Tensor timesteps, Tensor? classLabels)
    {
        try
        {
            return recorded.Replay(sample, timesteps, classLabels);
        }
        catch (CudaGraphException fault)
        {
            GiveUp(fault);
            return network(sample, timesteps, classLabels);
        }
    }

    private void GiveUp(CudaGraphException fault)
    {
        Obstacle = fault.Message;
        Dispose();
    }

    private void MakeRoom()
    {
        if (Count < MostRecordings)
            return;
        var (key, oldest) = _entries.Where(pair => pair.Value.Call is not null).MinBy(pair => pair.Value.LastUse);
        oldest.Call!.Dispose();
        _entries.Remove(key);
    }

    private sealed class Entry
    {
        public int Calls { get; set; }
        public long LastUse { get; set; }
        public IRecordedCall? Call { get; set; }
    }
}
