using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Storage;

/// <summary>Who needs a checkpoint: names, and samples and evaluations that have not ended. Deleting one that nobody needs, and saving a row that needs one
/// (<see cref="DdpmDbContext.SaveChangesAsync(bool, CancellationToken)"/>), take turns.</summary>
public static class CheckpointUses
{
    private static IQueryable<Checkpoint> Unneeded(this IQueryable<Checkpoint> checkpoints, DdpmDbContext db)
    {
        return checkpoints
            .Where(c => !db.Models.Any(model => model.CheckpointId == c.Id))
            .Where(c => !db.SampleBatches.Any(batch => batch.CheckpointId == c.Id && (batch.Job!.Status == JobStatus.Queued || batch.Job.Status == JobStatus.Running)))
            .Where(c => !db.Evaluations.Any(
                evaluation => evaluation.CheckpointId == c.Id && (evaluation.Job!.Status == JobStatus.Queued || evaluation.Job.Status == JobStatus.Running)));
    }

    /// <summary>Deletes the rows of those that nobody needs, in a transaction of its own: whoever begins to need one at the same moment either finds it gone, or keeps it.</summary>
    /// <returns>Artifact keys, for the caller to delete.</returns>
    public static async Task<IReadOnlyList<string>> DeleteUnneededAsync(DdpmDbContext db, IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(db);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var deleted = DeleteUnneeded(db, ids);
        await transaction.CommitAsync(cancellationToken);
        return deleted;
    }

    /// <summary>The same within a transaction that has begun, on a thread that does not await.</summary>
    public static IReadOnlyList<string> DeleteUnneeded(DdpmDbContext db, IReadOnlyCollection<Guid> ids)
    {
        ArgumentNullException.ThrowIfNull(db);
        var all = db.Checkpoints.IgnoreQueryFilters().Where(c => ids.Contains(c.Id)); // whoever needs it, of whatever account
        // Setting a value to itself takes the rows' locks on both databases. What is read afterwards is read behind whoever held them before.
        all.ExecuteUpdate(set => set.SetProperty(c => c.Bytes, c => c.Bytes));
        var deleted = all.Unneeded(db).Select(c => new { c.Id, c.ArtifactKey }).ToList();
        var unneeded = deleted.ConvertAll(c => c.Id);
        db.Checkpoints.IgnoreQueryFilters().Where(c => unneeded.Contains(c.Id)).ExecuteDelete();
        return deleted.ConvertAll(c => c.ArtifactKey);
    }
}
