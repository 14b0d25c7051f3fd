using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Life;

/// <summary>What anyone may ask of a job without holding it: to stop, and how many wait before it.</summary>
public sealed class JobControl(IDbContextFactory<DdpmDbContext> databases, QueueLoads loads, TimeProvider clock)
{
    // To count a longer queue takes longer than all else that accepting a job does.
    private const int Long = 200;
    private static readonly TimeSpan JustNow = TimeSpan.FromSeconds(1);

    /// <summary>Asks a job to stop: a queued one ends at once, a running one within a second or at its next step. Touches no other row.</summary>
    public async Task<CancelOutcome> CancelAsync(Guid jobId, CancellationToken cancellationToken = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        while (true)
        {
            var now = await db.NowAsync(clock, cancellationToken);
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

    /// <summary>How many jobs wait that came before a queued one; null for one that does not wait. <see cref="JobTurns"/> may have some of them wait longer, or others pass.</summary>
    /// <remarks>Where many wait, that of one that has just come is known to the second.</remarks>
    public async Task<int?> PositionAsync(Job job, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(job);
        if (job.Status != JobStatus.Queued)
            return null;
        if (clock.GetUtcNow().UtcDateTime - job.CreatedAt is var age && age >= TimeSpan.Zero && age < JustNow && (await loads.ReadAsync(job.Kind, job.Account, exactly: false, cancellationToken)).Waiting is var waiting and > Long)
            return waiting - 1; // it stands behind all
        var kinds = Queues.KindsBeside(job.Kind);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return await db.Jobs.CountAsync(
            j => j.Status == JobStatus.Queued && kinds.Contains(j.Kind) && j.CreatedAt < job.CreatedAt, cancellationToken);
    }
}

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
