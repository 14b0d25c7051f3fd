using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A few threads that share out the pieces of one operation after another: the caller's, and helpers that wait for the next operation.</summary>
/// <remarks>
/// Whoever has done its own part takes from the others', so a core that another program keeps busy costs its share and no more, where OpenMP's equal parts wait for the slowest.
/// Helpers watch for work for 200 microseconds, which is longer than the pauses within a forward pass, and sleep after that.
/// </remarks>
internal sealed class WorkTeam : IDisposable
{
    private static readonly long Patience = Stopwatch.Frequency / 5000; // 200 µs: longer than what one thread does alone within a forward pass, and than waking takes

    private readonly SemaphoreSlim _wake = new(0);
    private readonly Thread[] _helpers;
    private Operation _current = new(static (_, _) => { }, 0, 1);
    private int _asleep;
    private volatile bool _ended;

    /// <param name="threads">The caller's thread included; at least 1.</param>
    public WorkTeam(int threads)
    {
        Size = threads;
        var nothing = _current; // read before a helper starts: one that starts late must not take its first operation for done
        _helpers = [.. Enumerable.Range(1, threads - 1).Select(member => new Thread(() => Help(member, nothing)) { IsBackground = true, Name = $"denoise {member}" })];
        foreach (var helper in _helpers)
            helper.Start();
    }

    /// <summary>Threads, the caller's included.</summary>
    public int Size { get; }

    /// <summary>Helpers that have given up watching and sleep.</summary>
    internal int Asleep => Volatile.Read(ref _asleep);

    /// <summary>Does an operation's pieces and returns when all are done. One operation at a time.</summary>
    /// <param name="pieces">Numbered from 0.</param>
    /// <param name="work">Does one: its number, and the number of the thread that does it, from 0. What it throws is thrown here once all pieces are done or have failed.</param>
    public void Run(int pieces, Action<int, int> work)
    {
        if (pieces <= 1 || Size == 1)
        {
            for (var piece = 0; piece < pieces; piece++)
                work(piece, 0);
            return;
        }

        var operation = new Operation(work, pieces, Size);
        Volatile.Write(ref _current, operation);
        Interlocked.MemoryBarrier();
        if (Asleep is > 0 and var sleepers)
            _wake.Release(Math.Min(sleepers, pieces - 1));
        operation.Take(member: 0);
        operation.WaitForOthers();
        operation.ThrowIfFaulted();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended = true;
        _wake.Release(Size);
        foreach (var helper in _helpers)
            helper.Join();
        _wake.Dispose();
    }

    private void Help(int member, Operation done)
    {
        while (!_ended)
        {
            if (!SpinUntilChanged(done))
            {
                Interlocked.Increment(ref _asleep);
                if (ReferenceEquals(Volatile.Read(ref _current), done))
                    _wake.Wait();
                Interlocked.Decrement(ref _asleep);
                continue;
            }

            done = Volatile.Read(ref _current);
            done.Take(member);
        }
    }

    private bool SpinUntilChanged(Operation done)
    {
        for (var end = Stopwatch.GetTimestamp() + Patience; Stopwatch.GetTimestamp() < end;)
            for (var look = 0; look < 16; look++, Thread.SpinWait(1))
                if (!ReferenceEquals(Volatile.Read(ref _current), done))
                    return true;
        return false;
    }

    // Every member has a range of its own, the same part of every operation: what it reads was then mostly written by itself, and lies in its core's caches.
    // Who has done with it takes from the others'. A helper that comes late holds the operation it saw, of which no piece is left: it can never take one of the
    // next by mistake.
    private sealed class Operation(Action<int, int> work, int pieces, int members)
    {
        private const int Apart = 128 / sizeof(int); // counters of different members share no cache line

        private readonly int[] _taken = new int[members * Apart];
        private int _done;
        private ExceptionDispatchInfo? _fault;

        /// <summary>Throws what a piece has thrown. Called when all are done: until then others may be writing where the caller would free.</summary>
        public void ThrowIfFaulted() => _fault?.Throw();

        public void Take(int member)
        {
            for (var other = 0; other < members; other++)
                TakeFrom((member + other) % members, member);
        }

        public void WaitForOthers()
        {
            var wait = new SpinWait();
            for (var end = Stopwatch.GetTimestamp() + Patience; Volatile.Read(ref _done) < pieces;)
            {
                if (Stopwatch.GetTimestamp() < end)
                    Thread.SpinWait(1);
                else
                    wait.SpinOnce(sleep1Threshold: -1); // gives the core to a helper that was put aside in the middle of a piece
            }
        }

        private void TakeFrom(int owner, int member)
        {
            var (first, end) = ((int)((long)pieces * owner / members), (int)((long)pieces * (owner + 1) / members));
            ref var taken = ref _taken[owner * Apart];
            while (Volatile.Read(ref taken) < end - first && first + Interlocked.Increment(ref taken) - 1 is var piece && piece < end)
            {
                try
                {
                    work(piece, member);
                }
#pragma warning disable CA1031 // Carried to the caller's thread.
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    _fault ??= ExceptionDispatchInfo.Capture(fault);
                }

                Interlocked.Increment(ref _done);
            }
        }
    }
}
