using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Shared;

/// <summary>Threads that do pieces of work side by side, again and again; the caller's is one of them. For one caller.</summary>
/// <remarks>Each counts as one thread to ATen, the caller's included, for as long as it lives.</remarks>
internal sealed class LaneCrew : IDisposable
{
    private readonly List<Thread> _helpers = [];
    private readonly SemaphoreSlim _begin = new(0);
    private readonly SemaphoreSlim _end = new(0);
    private Action<int, int> _work = (_, _) => { };
    private int _next;
    private int _count;
    private volatile bool _closing;

    public LaneCrew() => set_num_threads(1);

    /// <param name="count">Pieces, numbered from 0.</param>
    /// <param name="lanes">Side by side, at least 1.</param>
    /// <param name="work">Given the lane, from 0, and the piece. Must not throw.</param>
    public void Run(int count, int lanes, Action<int, int> work)
    {
        var helpers = Math.Min(lanes, count) - 1;
        while (_helpers.Count < helpers)
            Hire();
        (_work, _count) = (work, count);
        Volatile.Write(ref _next, -1);
        if (helpers > 0)
            _begin.Release(helpers);
        Work(lane: 0);
        for (var helper = 0; helper < helpers; helper++)
            _end.Wait();
    }

    public void Dispose()
    {
        _closing = true;
        if (_helpers.Count > 0)
            _begin.Release(_helpers.Count);
        _helpers.ForEach(helper => helper.Join());
        _begin.Dispose();
        _end.Dispose();
    }

    private void Hire()
    {
        var lane = _helpers.Count + 1;
        var helper = new Thread(() =>
        {
            set_num_threads(1);
            for (_begin.Wait(); !_closing; _begin.Wait())
            {
                Work(lane);
                _end.Release();
            }
        })
        { IsBackground = true, Name = $"sampling lane {lane}" };
        helper.Start();
        _helpers.Add(helper);
    }

    private void Work(int lane)
    {
        for (var piece = Interlocked.Increment(ref _next); piece < _count; piece = Interlocked.Increment(ref _next))
            _work(lane, piece);
    }
}
