using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Life;

/// <summary>What anyone may ask of a job without holding it: to stop, and how long the queue is.</summary>
public sealed class JobControl(IDbContextFactory<DdpmDbContext> databases, TimeProvider clock)
{
    private const int PaceOf = 10;

    /// <summary>Asks a job to stop: a queued one ends at once, a running one within a second or at its next step. Touches no other row.</summary>
    public async Task<CancelOutcome> CancelAsync(Guid jobId, CancellationToken cancellationToken = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        while (true)
        {
            var now = clock.GetUtcNow().UtcDateTime;
            var ended = await db.Jobs.Where(j => j.Id == jobId && j.Status == JobStatus.Queued).ExecuteUpdateAsync(
                set => set
                    .SetProperty(j => j.Status, JobStatus.Cancelled)
                    .SetProperty(j => j.CancelRequested, true)
                    .SetProperty(j => j.EndedAt, now),
                cancellationToken);
            if (ended == 1)
                return CancelOutcome.Cancelled;

            var asked = await db.Jobs.Where(j => j.Id == jobId && j.Status == JobStatus.Running).ExecuteUpdateAsync(
                set => set.SetProperty(j => j.CancelRequested, true), cancellationToken);
            if (asked == 1)
                return CancelOutcome.Requested;

            var status = await db.Jobs.Where(j => j.Id == jobId).Select(j => (JobStatus?)j.Status).SingleOrDefaultAsync(cancellationToken);
            switch (status)
            {
                case null:
                    return CancelOutcome.NotFound;
                case JobStatus.Queued or JobStatus.Running:
                    continue; // It was handed back or claimed between the two updates.
                default:
                    return CancelOutcome.AlreadyEnded;
            }
        }
    }

    /// <summary>How full a queue is, and how fast it moves.</summary>
    /// <param name="kind">Any kind that waits in it.</param>
    /// <param name="account">Whose share is counted.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<QueueLoad> LoadAsync(JobKind kind, string account, CancellationToken cancellationToken = default)
    {
        var kinds = Queues.KindsBeside(kind);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var waiting = await db.Jobs.Where(j => j.Status == JobStatus.Queued && kinds.Contains(j.Kind))
            .GroupBy(j => j.Account == account).Select(jobs => new { Own = jobs.Key, Count = jobs.Count() }).ToListAsync(cancellationToken);
        var starts = waiting.Count == 0
            ? []
            : await db.Jobs.Where(j => j.StartedAt != null && kinds.Contains(j.Kind)).OrderByDescending(j => j.StartedAt).Select(j => j.StartedAt!.Value).Take(PaceOf).ToListAsync(cancellationToken);
        return new QueueLoad(
            waiting.Sum(jobs => jobs.Count), waiting.Where(jobs => jobs.Own).Sum(jobs => jobs.Count), starts.Count < 2 ? null : (starts[0] - starts[^1]) / (starts.Count - 1));
    }

    /// <summary>How many jobs wait that came before a queued one; null for one that does not wait. <see cref="JobTurns"/> may have some of them wait longer, or others pass.</summary>
    public async Task<int?> PositionAsync(Job job, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (job.Status != JobStatus.Queued)
            return null;
        var kinds = Queues.KindsBeside(job.Kind);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return await db.Jobs.CountAsync(
            j => j.Status == JobStatus.Queued && kinds.Contains(j.Kind) && j.CreatedAt < job.CreatedAt, cancellationToken);
    }
}

/// <summary>How full a queue is.</summary>
/// <param name="Waiting">Jobs that wait in it.</param>
/// <param name="OfAccount">Of them, those of one account.</param>
/// <param name="Pace">Between two jobs that were taken from it lately; null where nobody waits or too few were.</param>
public sealed record QueueLoad(int Waiting, int OfAccount, TimeSpan? Pace);

/// <summary>What became of a request to stop.</summary>
public enum CancelOutcome
{
    /// <summary>There is no such job.</summary>
    NotFound,

    /// <summary>It waited, and has ended.</summary>
    Cancelled,

    /// <summary>It runs, and will stop.</summary>
    Requested,

    /// <summary>It had ended before; nothing was changed.</summary>
    AlreadyEnded,
}
