using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Jobs.Life;

/// <summary>Hands saved rows to <see cref="JobDispatcher"/>, all that have come meanwhile together, so that nobody who asks for work waits for Hangfire.</summary>
/// <remarks>Where more come than it hands on, each is handed on by whoever brings it. What is still here when the process dies is found by the reconciler of any other, as all that nothing carries.</remarks>
public sealed class JobOutbox(JobDispatcher dispatcher) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(10);

    private readonly Channel<Job> _jobs = Channel.CreateBounded<Job>(new BoundedChannelOptions(JobDispatcher.AtOnce) { SingleReader = true });

    /// <summary>Has a row that is saved put into its queue.</summary>
    public Task AddAsync(Job job) => _jobs.Writer.TryWrite(job) ? Task.CompletedTask : dispatcher.EnqueueAsync(job, CancellationToken.None);

    /// <summary>Puts what has come so far into its queue before the process ends.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _jobs.Writer.TryComplete();
        await Task.WhenAny(ExecuteTask ?? Task.CompletedTask, Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken));
        await base.StopAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _jobs.Reader.WaitToReadAsync(CancellationToken.None)) // to the end: see StopAsync
        {
            List<Job> together = [];
            while (together.Count < JobDispatcher.AtOnce && _jobs.Reader.TryRead(out var job))
                together.Add(job);
            if (await dispatcher.EnqueueAsync(together, CancellationToken.None) is { Count: > 0 } left)
            {
                await Task.Delay(Pause, CancellationToken.None);
                await dispatcher.EnqueueAsync(left, CancellationToken.None); // what fails again is the reconciler's
            }

            // Where they come that fast, a statement for a few each takes from the database what those who ask for work need.
            if (together.Count > 1)
                await Task.Delay(Gathering, CancellationToken.None);
        }
    }
}
