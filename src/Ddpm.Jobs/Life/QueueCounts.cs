using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Life;

/// <summary>How busy a queue is.</summary>
/// <param name="Queue">Its name.</param>
/// <param name="Queued">Jobs that wait in it.</param>
/// <param name="Running">Jobs that workers hold.</param>
/// <param name="WaitingSince">When the job that came first of those that wait was asked for (UTC); null where none waits.</param>
public sealed record QueueCounts(string Queue, int Queued, int Running, DateTime? WaitingSince)
{
    /// <summary>Of every queue, what a context shows of it.</summary>
    public static async Task<IReadOnlyList<QueueCounts>> ReadAsync(DdpmDbContext db, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(db);
        var active = await db.Jobs.Where(job => job.Status == JobStatus.Queued || job.Status == JobStatus.Running)
            .GroupBy(job => new { job.Kind, job.Status }).Select(jobs => new { jobs.Key.Kind, jobs.Key.Status, Count = jobs.Count(), First = jobs.Min(job => job.CreatedAt) })
            .ToListAsync(cancellationToken);
        return
        [
            .. Enum.GetValues<JobKind>().GroupBy(Queues.Of).Select(kinds =>
            {
                var here = active.Where(jobs => kinds.Contains(jobs.Kind)).ToLookup(jobs => jobs.Status);
                return new QueueCounts(kinds.Key, here[JobStatus.Queued].Sum(jobs => jobs.Count), here[JobStatus.Running].Sum(jobs => jobs.Count), here[JobStatus.Queued].Min(jobs => (DateTime?)jobs.First));
            }),
        ];
    }
}
