using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;

namespace Ddpm.Worker.Training;

/// <summary>Where an attempt at a run keeps its files, and what earlier attempts have left there.</summary>
internal static class RunFiles
{
    /// <summary>Key of the folder that one attempt alone writes to. Epochs count within a job, and resuming a run gives it another job.</summary>
    public static string FolderOf(TrainingRun run, JobLease lease) => $"{RunArtifacts.FolderOf(run.Id)}/{lease.Job.Id:N}-e{lease.Epoch}";

    /// <summary>Deletes files that no row names: a worker that dies between a file and its row leaves such, and so do rows that are replaced.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was deleted.</exception>
    public static void DeleteLeftovers(TrainingRun run, JobLease lease, ArtifactStore artifacts)
    {
        // Listed before the lease is checked, so that nothing of an attempt after this one is among them.
        var attempts = RunArtifacts.AttemptsAt(artifacts, run.Id).ToDictionary(attempt => attempt, attempt => RunArtifacts.FilesOf(artifacts, attempt));
        HashSet<string> named = [];
        lease.Write(db => named = [.. RunArtifacts.NamedBy(db, run.Id)]);
        foreach (var (attempt, files) in attempts)
        {
            if (files.Any(named.Contains))
                files.Where(file => !named.Contains(file)).ToList().ForEach(artifacts.Delete);
            else
                artifacts.Delete(attempt);
        }
    }
}
