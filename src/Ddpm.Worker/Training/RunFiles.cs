using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;

namespace Ddpm.Worker.Training;

/// <summary>Where an attempt at a run keeps its files, and what earlier attempts have left there.</summary>
internal static class RunFiles
{
    /// <summary>Key of the folder that one attempt alone writes to. Epochs count within a job, and resuming a run gives it another job.</summary>
    public static string FolderOf(TrainingRun run, JobLease lease) => $"{FolderOf(run)}/{lease.Job.Id:N}-e{lease.Epoch}";

    /// <summary>Key of the folder of events for TensorBoard: one for all attempts, each of which adds a file.</summary>
    public static string TensorBoardOf(TrainingRun run) => $"{FolderOf(run)}/tensorboard";

    /// <summary>Deletes files that no row names: a worker that dies between a file and its row leaves such, and so do rows that are replaced.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was deleted.</exception>
    public static void DeleteLeftovers(TrainingRun run, JobLease lease, ArtifactStore artifacts)
    {
        // Listed before the lease is checked, so that nothing of an attempt after this one is among them.
        var attempts = artifacts.List(FolderOf(run)).Where(entry => entry != TensorBoardOf(run)).ToDictionary(attempt => attempt, attempt => Files(attempt, artifacts));
        HashSet<string> named = [];
        lease.Write(db => named = Named(db, run.Id));
        foreach (var (attempt, files) in attempts)
        {
            if (files.Any(named.Contains))
                files.Where(file => !named.Contains(file)).ToList().ForEach(artifacts.Delete);
            else
                artifacts.Delete(attempt);
        }
    }

    private static string FolderOf(TrainingRun run) => $"training-runs/{run.Id}";

    private static List<string> Files(string attempt, ArtifactStore artifacts) =>
        [.. artifacts.List(attempt).SelectMany(entry => entry.EndsWith(".png", StringComparison.Ordinal) ? [entry] : artifacts.List(entry))];

    private static HashSet<string> Named(DdpmDbContext db, Guid runId) =>
    [
        .. db.Checkpoints.Where(checkpoint => checkpoint.TrainingRunId == runId).Select(checkpoint => checkpoint.ArtifactKey),
        .. db.TrainingPreviews.Where(preview => preview.TrainingRunId == runId).Select(preview => preview.ArtifactKey),
        .. db.TrainingRuns.Where(run => run.Id == runId && run.LossCurveKey != null).Select(run => run.LossCurveKey!),
    ];
}
