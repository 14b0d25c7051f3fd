using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Storage;

/// <summary>Deletes what the settings say is old: samples, evaluations and checkpoints. Never what a name points to, what has not ended, what such work needs, or the
/// checkpoint that a run would go on from.</summary>
/// <remarks>Rows go first, in small transactions; files follow, and where a process dies in between, <see cref="LeftoverSweeper"/> finds them.</remarks>
public sealed partial class Retention(
    IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, IOptions<DiskOptions> options, TimeProvider clock, ILogger<Retention> logger)
{
    private const int RowsAtOnce = 100;

    /// <summary>One round. Several processes may do so at once.</summary>
    /// <returns>How many things were deleted.</returns>
    public async Task<int> DeleteOldAsync(CancellationToken cancellationToken)
    {
        var settings = options.Value;
        var deleted = 0;
        if (settings.KeepSamplesDays is { } sampleDays)
            deleted += await DeleteJobsAsync(JobKind.Sampling, sampleDays, cancellationToken);
        if (settings.KeepEvaluationsDays is { } evaluationDays)
            deleted += await DeleteJobsAsync(JobKind.Evaluation, evaluationDays, cancellationToken);
        if (settings.KeepCheckpoints is { } checkpoints)
            deleted += await DeleteCheckpointsAsync(checkpoints, cancellationToken);
        if (deleted > 0)
            LogDeleted(deleted);
        return deleted;
    }

    private async Task<int> DeleteJobsAsync(JobKind kind, int days, CancellationToken cancellationToken)
    {
        var deleted = 0;
        List<Guid> jobs;
        do
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            var before = (await db.NowAsync(clock, cancellationToken)).AddDays(-days); // a machine whose clock is wrong deletes nothing before its time
            jobs = await db.Jobs.Where(job => job.Kind == kind && job.EndedAt != null && job.EndedAt < before) // an ended row never changes again
                .OrderBy(job => job.Id).Select(job => job.Id).Take(RowsAtOnce).ToListAsync(cancellationToken);
            var (folder, ids) = kind == JobKind.Sampling
                ? ("samples", await db.SampleBatches.Where(batch => jobs.Contains(batch.JobId)).Select(batch => batch.Id).ToListAsync(cancellationToken))
                : ("evaluations", await db.Evaluations.Where(evaluation => jobs.Contains(evaluation.JobId)).Select(evaluation => evaluation.Id).ToListAsync(cancellationToken));
            await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
            {
                await db.SampleBatches.Where(batch => jobs.Contains(batch.JobId)).ExecuteDeleteAsync(cancellationToken);
                await db.Evaluations.Where(evaluation => jobs.Contains(evaluation.JobId)).ExecuteDeleteAsync(cancellationToken);
                await db.Jobs.Where(job => jobs.Contains(job.Id)).ExecuteDeleteAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }

            ids.ForEach(id => artifacts.Delete($"{folder}/{id}"));
            deleted += ids.Count;
        }
        while (jobs.Count == RowsAtOnce);
        return deleted;
    }

    private async Task<int> DeleteCheckpointsAsync(int keep, CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var runs = await db.TrainingRuns.Where(run => run.Job!.EndedAt != null && db.Checkpoints.Count(c => c.TrainingRunId == run.Id) > keep)
            .Select(run => run.Id).ToListAsync(cancellationToken);
        var deleted = 0;
        foreach (var run in runs)
        {
            var newestFirst = await db.Checkpoints.AsNoTracking().Where(c => c.TrainingRunId == run)
                .OrderByDescending(c => c.Resumable).ThenByDescending(c => c.Step).ThenByDescending(c => c.Id)
                .Select(c => new { c.Id, Loss = c.Resumable ? c.Loss : null }).ToListAsync(cancellationToken);
            var best = newestFirst.Where(c => c.Loss is { } loss && double.IsFinite(loss)).MinBy(c => c.Loss)?.Id;
            var old = newestFirst.Skip(keep).Select(c => c.Id).Where(id => id != best).ToList();
            // Without those of runs that were resumed meanwhile: they see to their checkpoints themselves.
            if (old.Count == 0 || !await db.TrainingRuns.AnyAsync(row => row.Id == run && row.Job!.EndedAt != null, cancellationToken))
                continue;
            var keys = await CheckpointUses.DeleteUnneededAsync(db, old, cancellationToken);
            foreach (var key in keys)
                artifacts.Delete(key);
            deleted += keys.Count;
        }

        return deleted;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Count} samples, evaluations and checkpoints that the settings of section Storage say are old.")]
    private partial void LogDeleted(int count);
}
