using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Training;

/// <summary>Finds the newest checkpoint of a run that is whole, and marks those that are not.</summary>
internal sealed partial class CheckpointChain(IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, ILogger<CheckpointChain> logger)
{
    /// <summary>Builds a trainer from the newest checkpoint that is whole, or from none.</summary>
    /// <param name="run">The run.</param>
    /// <param name="lease">Needed to mark what is damaged.</param>
    /// <param name="build">Given the folder to go on from; null to begin.</param>
    /// <exception cref="PassingTroubleException">One cannot be read, and may be whole.</exception>
    public Trainer Begin(TrainingRun run, JobLease lease, Func<string?, Trainer> build)
    {
        foreach (var checkpoint in NewestFirst(run.Id))
        {
            try
            {
                var folder = artifacts.PathOf(checkpoint.ArtifactKey);
                if (DiffusersFolder.Open(folder).WeightsSha256() != checkpoint.Sha256)
                    throw new CheckpointException("its weights are not those that were recorded");
                return build(folder);
            }
            catch (Exception trouble) when (MayPass(trouble))
            {
                // To begin anew, or at an older one, would throw away what is most likely there.
                throw new PassingTroubleException(FormattableString.Invariant($"The checkpoint of step {checkpoint.Step} cannot be read: {trouble.Message}"), trouble);
            }
            catch (Exception damage) when (damage is CheckpointException or IOException)
            {
                LogDamaged(run.Id, checkpoint.Step, damage.Message); // The one before is taken.
                PassOver(checkpoint, lease);
            }
        }

        return build(null);
    }

    private List<Checkpoint> NewestFirst(Guid runId)
    {
        using var db = databases.CreateDbContext();
        return [.. db.Checkpoints.AsNoTracking().Where(c => c.TrainingRunId == runId && c.Resumable).OrderByDescending(c => c.Step).ThenByDescending(c => c.Id)];
    }

    // A disk that does not answer, or too many open files, say nothing of what is in the file.
    private static bool MayPass(Exception trouble) =>
        (trouble is CheckpointException ? trouble.InnerException : trouble) is (IOException or UnauthorizedAccessException) and not (FileNotFoundException or DirectoryNotFoundException or EndOfStreamException);

    // Its averaged weights may still be good to draw with, and a name may point to it: the row goes only where the folder has gone before it.
    private void PassOver(Checkpoint checkpoint, JobLease lease) => lease.Write(db =>
    {
        var row = db.Checkpoints.Where(c => c.Id == checkpoint.Id);
        row.ExecuteUpdate(set => set.SetProperty(c => c.Resumable, false));
        if (!artifacts.Exists(checkpoint.ArtifactKey))
            row.Where(c => !db.Models.Any(model => model.CheckpointId == c.Id)).ExecuteDelete();
    });

    [LoggerMessage(Level = LogLevel.Warning, Message = "Run {RunId}: the checkpoint of step {Step} is passed over: {Reason}")]
    private partial void LogDamaged(Guid runId, long step, string reason);
}
