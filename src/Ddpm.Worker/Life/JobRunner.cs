using System.Diagnostics;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;

namespace Ddpm.Worker.Life;

/// <summary>Claims a job, does its work on a thread of its own and writes how it ended.</summary>
internal sealed partial class JobRunner(
    JobClaims claims, JobTurns turns, JobDispatcher dispatcher, JobMetrics metrics, IHostApplicationLifetime lifetime, ILogger<JobRunner> logger)
{
    /// <summary>Does a job to its end: the one that is delivered, or another of its kind whose turn it is.</summary>
    /// <param name="jobId">The row that is delivered.</param>
    /// <param name="work">
    /// Ends with <see cref="JobLease.Succeed"/>, or throws: <see cref="OperationCanceledException"/> where <see cref="JobLease.Stop"/> told it to.
    /// Synchronous, on one thread, because the engine's scopes and modes belong to threads.
    /// </param>
    /// <remarks>Hangfire's own token is left alone: the row says when to stop, and shutting down begins with the host.</remarks>
    public async Task RunAsync(Guid jobId, Action<JobLease> work)
    {
        if (await ClaimAsync(jobId) is { } lease)
            await DoAsync(lease, work);
    }

    /// <summary>The first half of <see cref="RunAsync"/>.</summary>
    /// <returns>Null if the job is not to be had, or this process stops.</returns>
    public async Task<JobLease?> ClaimAsync(Guid jobId)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
        {
            await dispatcher.EnqueueAgainAsync(jobId); // another worker takes it at once
            return null;
        }

        var turn = await turns.NextAsync(jobId, CancellationToken.None);
        return await ClaimTurnAsync(turn, jobId) ?? (turn == jobId ? null : await ClaimTurnAsync(jobId, jobId));
    }

    /// <summary>Claims a job by the delivery of another, whose turn that uses up; or by its own.</summary>
    /// <param name="turn">The row to claim.</param>
    /// <param name="delivered">The row that is delivered.</param>
    /// <returns>Null if that job is not to be had; the delivered one has its turn still.</returns>
    public async Task<JobLease?> ClaimTurnAsync(Guid turn, Guid delivered)
    {
        var lease = await claims.TryClaimAsync(turn, lifetime.ApplicationStopping);
        if (lease is null)
        {
            LogNotClaimed(turn);
            return null;
        }

        if (turn != delivered)
            await dispatcher.EnqueueAgainAsync(delivered);
        using var ids = JobScope.Begin(logger, lease.Job);
        LogStarted(lease.Job.Kind, lease.Job.Id, lease.Epoch);
        return lease;
    }

    /// <summary>The second half of <see cref="RunAsync"/>.</summary>
    public async Task DoAsync(JobLease claimed, Action<JobLease> work)
    {
        using var lease = claimed;
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                Attempt(lease, work);
                ended.SetResult();
            }
#pragma warning disable CA1031 // Rethrown by the await below.
            catch (Exception reason)
#pragma warning restore CA1031
            {
                ended.SetException(reason);
            }
        })
        { IsBackground = true, Name = $"{lease.Job.Kind} {lease.Job.Id}" };
        thread.UnsafeStart(); // its ids and its span are its own
        await ended.Task;

        // So that another worker goes on at once; a process that is alone finds the row when it starts again.
        if (lease.StopReason == StopReason.Shutdown)
            await dispatcher.EnqueueAsync(lease.Job);
    }

    // The thread is this attempt's alone, so that all its lines and spans are the attempt's.
    private void Attempt(JobLease lease, Action<JobLease> work)
    {
        using var ids = JobScope.Begin(logger, lease.Job);
        using var span = Tracing.StartJob(lease.Job);
        var began = Stopwatch.GetTimestamp();
        var outcome = JobOutcome.Lost;
        try
        {
            outcome = WorkAndEnd(lease, work);
        }
        finally
        {
            metrics.Ended(lease.Job.Kind, outcome, Stopwatch.GetElapsedTime(began));
            span?.SetTag("ddpm.job.outcome", outcome.ToString()).SetStatus(outcome is JobOutcome.Failed or JobOutcome.CutOff or JobOutcome.Lost ? ActivityStatusCode.Error : ActivityStatusCode.Unset);
        }
    }

    private JobOutcome WorkAndEnd(JobLease lease, Action<JobLease> work)
    {
        var id = lease.Job.Id;
        try
        {
            try
            {
                work(lease);
                LogSucceeded(lease.Job.Kind, id);
                return JobOutcome.Succeeded;
            }
            catch (OperationCanceledException) when (lease.Stop.IsCancellationRequested)
            {
                return EndStopped(lease);
            }
            catch (Exception reason) when (reason is PassingTroubleException || DatabaseErrors.IsTransient(reason))
            {
                LogCutOff(lease.Job.Kind, id, reason.Message);
                lease.GiveUp();
                return JobOutcome.CutOff;
            }
#pragma warning disable CA1031 // Whatever it is, its job has failed and the row must say so.
            catch (Exception reason) when (reason is not LeaseLostException)
#pragma warning restore CA1031
            {
                var sentence = Failure.SentenceFor(reason);
                LogFailed(sentence is null ? reason : null, lease.Job.Kind, id, sentence ?? reason.Message);
                lease.Fail(sentence ?? Failure.Unexpected(reason));
                metrics.Failed(lease.Job.Kind, Failure.ReasonFor(reason));
                return JobOutcome.Failed;
            }
        }
        catch (LeaseLostException)
        {
            LogLost(lease.Job.Kind, id);
            return JobOutcome.Lost;
        }
    }

    private JobOutcome EndStopped(JobLease lease)
    {
        switch (lease.StopReason)
        {
            case StopReason.CancelRequested:
                lease.Cancel();
                LogCancelled(lease.Job.Kind, lease.Job.Id);
                return JobOutcome.Cancelled;
            case StopReason.Shutdown:
                lease.HandBack();
                LogHandedBack(lease.Job.Kind, lease.Job.Id);
                return JobOutcome.HandedBack;
            default:
                throw new LeaseLostException();
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Job {JobId} is held by another worker, or has ended.")]
    private partial void LogNotClaimed(Guid jobId);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} job {JobId} starts (epoch {Epoch}).")]
    private partial void LogStarted(JobKind kind, Guid jobId, long epoch);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} job {JobId} succeeded.")]
    private partial void LogSucceeded(JobKind kind, Guid jobId);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} job {JobId} was cancelled.")]
    private partial void LogCancelled(JobKind kind, Guid jobId);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Kind} job {JobId} is handed back: this process stops.")]
    private partial void LogHandedBack(JobKind kind, Guid jobId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} job {JobId} was cut off from the database and is given up, for this or another worker to take again: {Reason}")]
    private partial void LogCutOff(JobKind kind, Guid jobId, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Kind} job {JobId} failed: {Reason}")]
    private partial void LogFailed(Exception? exception, JobKind kind, Guid jobId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} job {JobId} belongs to another worker now; what was done here since is dropped.")]
    private partial void LogLost(JobKind kind, Guid jobId);
}
