using System.Globalization;

namespace Ddpm.Jobs.Storage;

/// <summary>What the attempts at a training run keep among the artifacts.</summary>
public static class RunArtifacts
{
    /// <summary>Key of the folder of all runs.</summary>
    public const string Runs = "training-runs";

    /// <summary>Key of the folder of a run, in which each attempt has one of its own.</summary>
    public static string FolderOf(Guid runId) => string.Create(CultureInfo.InvariantCulture, $"{Runs}/{runId}");

    /// <summary>Key of the folder of events for TensorBoard: one for all attempts, each of which adds a file.</summary>
    public static string TensorBoardOf(Guid runId) => $"{FolderOf(runId)}/tensorboard";

    /// <summary>Keys of the folders of the attempts.</summary>
    /// <param name="artifacts">Where they lie.</param>
    /// <param name="runId">The run.</param>
    /// <param name="changedBefore">UTC; null for all.</param>
    public static IEnumerable<string> AttemptsAt(ArtifactStore artifacts, Guid runId, DateTime? changedBefore = null)
    {
        ArgumentNullException.ThrowIfNull(artifacts);
        return artifacts.List(FolderOf(runId), changedBefore).Where(entry => entry != TensorBoardOf(runId));
    }

    /// <summary>Keys of what an attempt has made: the curve beside folders of checkpoints and previews.</summary>
    /// <param name="artifacts">Where they lie.</param>
    /// <param name="attempt">Key of its folder.</param>
    /// <param name="changedBefore">UTC; null for all.</param>
    public static IReadOnlyList<string> FilesOf(ArtifactStore artifacts, string attempt, DateTime? changedBefore = null)
    {
        ArgumentNullException.ThrowIfNull(artifacts);
        return
        [
            .. artifacts.List(attempt, changedBefore).Where(IsPicture),
            .. artifacts.List(attempt).Where(entry => !IsPicture(entry)).SelectMany(folder => artifacts.List(folder, changedBefore)),
        ];
    }

    /// <summary>Keys that rows of a run name.</summary>
    public static IQueryable<string> NamedBy(DdpmDbContext db, Guid runId)
    {
        ArgumentNullException.ThrowIfNull(db);
        return db.Checkpoints.Where(checkpoint => checkpoint.TrainingRunId == runId).Select(checkpoint => checkpoint.ArtifactKey)
            .Concat(db.TrainingPreviews.Where(preview => preview.TrainingRunId == runId).Select(preview => preview.ArtifactKey))
            .Concat(db.TrainingRuns.Where(run => run.Id == runId && run.LossCurveKey != null).Select(run => run.LossCurveKey!));
    }

    private static bool IsPicture(string key) => key.EndsWith(".png", StringComparison.Ordinal);
}
