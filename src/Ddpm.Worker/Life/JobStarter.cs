using Ddpm.Jobs.Life;
using Ddpm.Jobs.Workers;
using Ddpm.Worker.Sampling;

namespace Ddpm.Worker.Life;

/// <summary>Begins jobs of which many run at once, and leaves each to itself: its row says how it ends, and this process does not stop before it has.</summary>
internal sealed partial class JobStarter(
    JobRunner runner, JobDispatcher dispatcher, JobTurns turns, OtherWorkers others, IHostApplicationLifetime lifetime, ILogger<JobStarter> logger) : IHostedService
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<(Guid JobId, Task End)> _running = [];

    /// <summary>Begins a job once there is a place for it. While there is none, a worker that has less to do gets it.</summary>
    /// <param name="jobId">The row.</param>
    /// <param name="places">One is taken before the row is claimed, and given back when the work has ended.</param>
    /// <param name="work">As for <see cref="JobRunner.RunAsync"/>.</param>
    public async Task StartAsync(Guid jobId, SamplingPlaces places, Action<JobLease> work)
    {
        while (await TakeAsync(jobId, places) is { Place: var place, Ahead: var ahead })
        {
            if (await ClaimAsync(jobId, ahead, place) is { } lease)
            {
                Remember(lease.Job.Id, DoAndFreeAsync(lease, work, place));
                return;
            }

            if (ahead is null)
                return; // it is not to be had
        }

        await dispatcher.EnqueueAgainAsync(jobId); // if it still waits
    }

    /// <summary>Waits for what <see cref="StartAsync(Guid, SamplingPlaces, Action{JobLease})"/> began.</summary>
    /// <param name="jobId">Null for all.</param>
    public Task WhenEndedAsync(Guid? jobId)
    {
        lock (_lock)
            return Task.WhenAll(_running.Where(job => jobId is null || job.JobId == jobId).Select(job => job.End));
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => WhenEndedAsync(jobId: null).WaitAsync(cancellationToken);

    // Null where this delivery has nothing to wait for, or another worker is to have it, or this process stops. Where every worker has as much to do the job keeps its turn and waits here: enqueued again it would stand behind those that came later.
    // A kept place is for the job that goes ahead and no other, which another delivery may claim first: this one waits on then.
    private async Task<(SemaphoreSlim Place, Guid? Ahead)?> TakeAsync(Guid jobId, SamplingPlaces places)
    {
        try
        {
            while (!await places.Free.WaitAsync(Patience, lifetime.ApplicationStopping))
            {
                if (!await turns.WaitsAsync(jobId, lifetime.ApplicationStopping))
                    return null;
                if (await others.HaveLessToDoAsync(jobId, lifetime.ApplicationStopping))
                {
                    LogPassedOn(jobId);
                    return null;
                }

                if (!places.Kept.Wait(0, CancellationToken.None))
                    continue;
                // Asked with the place in hand: whoever went ahead until then has had its turn.
                if (await turns.GoesAheadAsync(jobId, CancellationToken.None) is { } ahead)
                    return (places.Kept, ahead);
                places.Kept.Release();
            }

            return (places.Free, null);
        }
        catch (OperationCanceledException) when (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            return null;
        }
    }

    private async Task<JobLease?> ClaimAsync(Guid jobId, Guid? ahead, SemaphoreSlim place)
    {
        JobLease? lease = null;
        try
        {
            return lease = ahead is { } turn ? await runner.ClaimTurnAsync(turn, jobId) : await runner.ClaimAsync(jobId);
        }
        finally
        {
            if (lease is null)
                place.Release();
        }
    }

    private void Remember(Guid jobId, Task end)
    {
        lock (_lock)
        {
            _running.RemoveAll(job => job.End.IsCompleted);
            _running.Add((jobId, end));
        }
    }

    private async Task DoAndFreeAsync(JobLease lease, Action<JobLease> work, SemaphoreSlim place)
    {
        try
        {
            await runner.DoAsync(lease, work);
        }
#pragma warning disable CA1031 // Nobody awaits it but the end of the process; the lease runs out, and the job is given to another.
        catch (Exception reason)
#pragma warning restore CA1031
        {
            LogNotEnded(reason, lease.Job.Kind, lease.Job.Id);
        }
        finally
        {
            place.Release();
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Job {JobId} is left to another worker: no place is free here.")]
    private partial void LogPassedOn(Guid jobId);

    [LoggerMessage(Level = LogLevel.Error, Message = "How {Kind} job {JobId} ended could not be recorded.")]
    private partial void LogNotEnded(Exception exception, JobKind kind, Guid jobId);
}
