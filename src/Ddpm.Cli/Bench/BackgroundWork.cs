using System.Runtime.ExceptionServices;

namespace Ddpm.Cli.Bench;

/// <summary>Work on a thread of its own, whose fault is the fault of who waits for it and ends no process.</summary>
internal sealed class BackgroundWork
{
    private readonly Thread _thread;
    private Exception? _fault;

    /// <param name="work">Begun at once.</param>
    public BackgroundWork(Action work)
    {
        _thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (Exception fault)
            {
                _fault = fault;
            }
        })
        { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Whether it has ended, well or not.</summary>
    public bool HasEnded => !_thread.IsAlive;

    /// <summary>Waits for the end, whatever it is.</summary>
    public void Join() => _thread.Join();

    /// <summary>Waits for the end and throws what the work threw.</summary>
    public void Finish()
    {
        Join();
        if (_fault is { } fault)
            ExceptionDispatchInfo.Throw(fault);
    }
}
