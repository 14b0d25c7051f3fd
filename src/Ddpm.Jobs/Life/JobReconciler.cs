using System.Data.Common;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Workers;
using Hangfire;
using Hangfire.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Life;

/// <summary>Finds jobs that nobody holds although they run, or nobody carries although they wait, and puts that right.</summary>
/// <remarks>Several processes may do so at once: every change is conditional, and a second delivery of a job finds it claimed.</remarks>
public sealed partial class JobReconciler(
    IDbContextFactory<DdpmDbContext> databases,
    JobStorage hangfire,
    JobDispatcher dispatcher,
    WorkerIdentity identity,
    StorageOptions storage,
    DatabaseInitializer initializer,
    IOptions<LeaseOptions> options,
    TimeProvider clock,
    JobMetrics metrics,
    ILogger<JobReconciler> logger)
{
    private readonly HangfireLocks? _locks = hangfire is PromptStorage prompt ? new(prompt, clock) : null;

    /// <summary>Ends the leases of dead processes at once where all processes share this machine (SQLite), instead of letting them run out.</summary>
    /// <returns>How many.</returns>
    public async Task<int> EndLeasesOfTheDeadAsync(CancellationToken cancellationToken)
    {
        if (storage.Provider != DatabaseProvider.Sqlite)
            return 0;

        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var running = await db.Jobs.Where(j => j.Status == JobStatus.Running && j.Owner != null)
            .Select(j => new { j.Id, j.LeaseEpoch, j.Owner })
            .ToListAsync(cancellationToken);
        var ended = 0;
        foreach (var job in running.Where(job => identity.IsGone(job.Owner!)))
        {
            ended += await db.Jobs
                .Where(j => j.Id == job.Id && j.LeaseEpoch == job.LeaseEpoch && j.Status == JobStatus.Running)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.LeaseExpiresAt, DateTime.UnixEpoch), cancellationToken);
            LogDead(job.Id, job.Owner!);
        }

        return ended;
    }

    /// <summary>One round.</summary>
    public async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        try
        {
            await TakeBackAsync(cancellationToken);
        }
        finally // what waits is to be carried, whatever kept that from being done
        {
            await CarryAsync(cancellationToken);
        }
    }

    private async Task CarryAsync(CancellationToken cancellationToken)
    {
        try
        {
            await EnqueueTheForgottenAsync(cancellationToken);
        }
        catch (DbException reason)
        {
            if (!await initializer.RestoreHangfireAsync(reason, cancellationToken))
                throw;
            await EnqueueTheForgottenAsync(cancellationToken);
        }
    }

    private async Task TakeBackAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var asked = clock.GetTimestamp();
        var now = await db.NowAsync(clock, cancellationToken);
        var limit = options.Value.MaxLostLeases;
        var lost = db.Jobs.Where(j => j.Status == JobStatus.Running && (j.LeaseExpiresAt == null || j.LeaseExpiresAt < now));

        // No lease lasts that long: the clock was set back since, and if the holder lives it renews long before this ends. Unless this process was stopped, and the time that it knows is an old one.
        var lease = options.Value.LeaseDuration;
        var (longest, soon) = (now + (2 * lease), now + lease);
        if (clock.GetElapsedTime(asked) < lease / 2)
            await db.Jobs.Where(j => j.Status == JobStatus.Running && j.LeaseExpiresAt > longest)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.LeaseExpiresAt, soon), cancellationToken);

        // One that waits and is to be cancelled was handed back, or taken back, at the moment of the request: nobody could claim it any more.
        var unwanted = db.Jobs.Where(j => j.CancelRequested
            && (j.Status == JobStatus.Queued || (j.Status == JobStatus.Running && (j.LeaseExpiresAt == null || j.LeaseExpiresAt < now))));
        var left = await lost.AsNoTracking().ToListAsync(cancellationToken);
        var cancelled = await unwanted.ExecuteUpdateAsync(
            set => set
                .SetProperty(j => j.Status, JobStatus.Cancelled)
                .SetProperty(j => j.LeaseExpiresAt, (DateTime?)null)
                .SetProperty(j => j.EndedAt, now),
            cancellationToken);
        var hopeless = lost.Where(j => j.LostLeases + 1 >= limit);
        var kinds = await hopeless.Select(j => j.Kind).ToListAsync(cancellationToken);
        var failed = await hopeless.ExecuteUpdateAsync(
            set => set
                .SetProperty(j => j.Status, JobStatus.Failed)
                .SetProperty(j => j.LostLeases, j => j.LostLeases + 1)
                .SetProperty(j => j.Error, $"Given up: {limit} times in a row the worker that ran it died or was cut off. "
                    + "Most often memory ran out: ask for less at once (batch size, channels, resolution), or look into the worker's log.")
                .SetProperty(j => j.LeaseExpiresAt, (DateTime?)null)
                .SetProperty(j => j.EndedAt, now),
            cancellationToken);

        // Hangfire notices the death of a worker in its own time; what it still thinks is being worked on carries the job no more.
        var requeued = await lost.ExecuteUpdateAsync(
            set => set
                .SetProperty(j => j.Status, JobStatus.Queued)
                .SetProperty(j => j.DispatchId, (string?)null)
                .SetProperty(j => j.LostLeases, j => j.LostLeases + 1)
                .SetProperty(j => j.LeaseExpiresAt, (DateTime?)null),
            cancellationToken);
        metrics.Lost(seenByHolder: false, failed + requeued);
        foreach (var kind in kinds.Take(failed))
            metrics.Failed(kind, FailureReason.WorkersDied);
        if (left.Count > 0 && cancelled + failed + requeued > 0) // not if another process was faster
            await SayAsync(left, db, cancellationToken);
    }

    private async Task SayAsync(List<Job> left, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var ids = left.ConvertAll(job => job.Id);
        var states = await db.Jobs.Where(job => ids.Contains(job.Id)).Select(job => new { job.Id, job.Status }).ToDictionaryAsync(job => job.Id, job => job.Status, cancellationToken);
        foreach (var job in left.Where(job => states.ContainsKey(job.Id)))
        {
            using var scope = JobScope.Begin(logger, job);
            LogLeft(job.Kind, job.Id, job.Owner, states[job.Id]);
        }
    }

    private async Task EnqueueTheForgottenAsync(CancellationToken cancellationToken)
    {
        foreach (var together in (await ForgottenAsync(cancellationToken)).Chunk(JobDispatcher.AtOnce))
        {
            await dispatcher.EnqueueOrThrowAsync(together, cancellationToken);
            foreach (var job in together)
            {
                using var ids = JobScope.Begin(logger, job);
                LogForgotten(job.Id);
            }
        }

        if (hangfire is PromptStorage queues && await queues.RestoreQueuesAsync(cancellationToken) is var restored and > 0)
            LogQueuesLost(restored);
        if (_locks is not null && await _locks.ReleaseLeftAsync(cancellationToken) is var released and > 0)
            LogLocksLeft(released);
    }

    private async Task<List<Job>> ForgottenAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        if (storage.Provider == DatabaseProvider.Postgres)
            return await HangfireStorage.NotCarried(db).AsNoTracking().OrderBy(j => j.CreatedAt).ToListAsync(cancellationToken);
        var queued = await db.Jobs.AsNoTracking().Where(j => j.Status == JobStatus.Queued).OrderBy(j => j.CreatedAt).ToListAsync(cancellationToken);
        using var connection = hangfire.GetConnection();
        return [.. queued.Where(job => !IsCarried(connection, job))];
    }

    // The argument is compared too: an id may have been given to another job since.
    private static bool IsCarried(IStorageConnection connection, Job job) =>
        job.DispatchId is not null
        && connection.GetJobData(job.DispatchId) is { } carrier
        && HangfireStorage.CarryingStates.Contains(carrier.State)
        && carrier.Job?.Args is [Guid id, ..] && id == job.Id;

    [LoggerMessage(Level = LogLevel.Information, Message = "Job {JobId} was left by process {Owner}, which is no more.")]
    private partial void LogDead(Guid jobId, string owner);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Kind} job {JobId} was left by worker {Owner}, whose lease ran out; it is {Status} now.")]
    private partial void LogLeft(JobKind kind, Guid jobId, string? owner, JobStatus status);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Hangfire's queues had lost {Count} jobs, which are put back.")]
    private partial void LogQueuesLost(long count);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} locks of Hangfire's, which nobody gave back, are released.")]
    private partial void LogLocksLeft(int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "Job {JobId} waited but nothing carried it; enqueued again.")]
    private partial void LogForgotten(Guid jobId);
}
