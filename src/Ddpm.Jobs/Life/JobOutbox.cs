using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Jobs.Life;

/// <summary>Hands saved rows to <see cref="JobDispatcher"/> one after the other, so that nobody who asks for work waits for Hangfire.</summary>
/// <remarks>Where more come than it hands on, each is handed on by whoever brings it. What is still here when the process dies is found by the reconciler of any other, as all that nothing carries.</remarks>
public sealed class JobOutbox(JobDispatcher dispatcher) : BackgroundService
{
    private const int Most = 64;

    private readonly Channel<Job> _jobs = Channel.CreateBounded<Job>(new BoundedChannelOptions(Most) { SingleReader = true });

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
        await foreach (var job in _jobs.Reader.ReadAllAsync(CancellationToken.None)) // to the end: see StopAsync
            await dispatcher.EnqueueAsync(job, CancellationToken.None);
    }
}
