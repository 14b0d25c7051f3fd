using Ddpm.Engine.Sampling;
using Ddpm.Worker.Life;
using Microsoft.Extensions.Options;
using TorchSharp;

namespace Ddpm.Worker.Sampling;

/// <summary>The memory of the device that samples need while they are drawn, those of evaluations too, beside the models. What would be too much at once is drawn one after the other, instead of running out together.</summary>
/// <remarks>Counted is what a request cannot do without: calls are made larger only where memory is free. Training with its previews, and what evaluations do with their samples, are not counted.</remarks>
internal sealed class MemoryBudget(WorkerDevice device, IOptions<WorkerOptions> options, TimeProvider clock)
{
    private const double MiB = 1024 * 1024;
    private const double UsualShare = 0.75;

    // One that needs much lets those pass that need little, for so long.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly LinkedList<Share> _waiting = [];
    private readonly Lazy<long> _limit = new(() => options.Value.MaxMemoryBytes ?? (device.LimitBytes is { } all ? (long)(all * UsualShare) : long.MaxValue));
    private long _taken;

    /// <summary>Bytes that are taken now.</summary>
    public long Taken
    {
        get
        {
            lock (_lock)
                return _taken;
        }
    }

    /// <summary>Requests that wait for others.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
                return _waiting.Count;
        }
    }

    /// <summary>Says whether there is so much at all.</summary>
    /// <param name="memory">As the engine estimates it.</param>
    /// <returns>Bytes, of the device's.</returns>
    /// <exception cref="JobFailedException">It is more than there is.</exception>
    public long Require(SamplingMemory memory)
    {
        var bytes = device.Device.type == DeviceType.CPU ? memory.HostBytes : memory.DeviceBytes;
        return bytes <= _limit.Value ? bytes : throw new JobFailedException(FormattableString.Invariant(
            $"The pictures need {bytes / MiB:0} MiB of memory while they are drawn, beside the model; this worker gives {_limit.Value / MiB:0} MiB (Worker:MaxMemoryBytes). Ask for fewer at once."));
    }

    /// <summary>Takes a share, and waits for it where others have theirs.</summary>
    /// <param name="memory">As the engine estimates it.</param>
    /// <param name="stop">Gives up.</param>
    /// <returns>Gives it back when it is disposed.</returns>
    /// <exception cref="JobFailedException">It is more than there is.</exception>
    /// <exception cref="OperationCanceledException">It was given up; nothing is taken.</exception>
    public IDisposable Take(SamplingMemory memory, CancellationToken stop)
    {
        var share = new Share(this, Require(memory), clock.GetTimestamp());
        lock (_lock)
        {
            _waiting.AddLast(share);
            Admit();
        }

        try
        {
            share.Granted.Wait(stop);
            return share;
        }
        catch (OperationCanceledException)
        {
            share.Dispose();
            throw;
        }
    }

    // Under the lock.
    private void Admit()
    {
        for (var (node, next) = (_waiting.First, _waiting.First?.Next); node is not null; (node, next) = (next, next?.Next))
        {
            if (_taken + node.Value.Bytes <= _limit.Value)
            {
                _waiting.Remove(node);
                _taken += node.Value.Bytes;
                node.Value.Granted.Set();
            }
            else if (clock.GetElapsedTime(node.Value.Since) > Patience)
            {
                return;
            }
        }
    }

    private sealed class Share(MemoryBudget budget, long bytes, long since) : IDisposable
    {
        private bool _isDisposed;

        public long Bytes => bytes;

        public long Since => since;

        public ManualResetEventSlim Granted { get; } = new();

        public void Dispose()
        {
            lock (budget._lock)
            {
                if (_isDisposed)
                    return;
                _isDisposed = true;
                if (!budget._waiting.Remove(this))
                    budget._taken -= bytes;
                budget.Admit();
            }

            Granted.Dispose();
        }
    }
}
