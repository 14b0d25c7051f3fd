using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Storage;

/// <summary>Deletes what nobody will ever ask for: uploads whose rows were never written or whose jobs have ended, artifacts whose rows are gone,
/// and what interrupted work has left in staging. Processes that die between a file and its row leave such things.</summary>
public sealed partial class LeftoverSweeper(
    IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, IOptions<LeftoverOptions> options, TimeProvider clock, ILogger<LeftoverSweeper> logger)
{
    /// <summary>One round. Several processes may do so at once.</summary>
    /// <returns>How many artifacts were deleted.</returns>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var before = now - options.Value.ArtifactAge;
        artifacts.DeleteAbandonedStaging(options.Value.StagingAge, now);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return await SweepAsync("uploads", KeysOfUploads(db), cancellationToken)
            + await SweepAsync("models", db.Checkpoints.Where(checkpoint => checkpoint.TrainingRunId == null).Select(checkpoint => checkpoint.ArtifactKey), cancellationToken)
            + await SweepAsync("datasets", KeysOf("datasets", db.Datasets.Where(dataset => dataset.DeletedAt == null).Select(dataset => dataset.Id)), cancellationToken)
            + await SweepAsync("samples", KeysOf("samples", db.SampleBatches.Select(batch => batch.Id)), cancellationToken)
            + await SweepAsync("evaluations", KeysOf("evaluations", db.Evaluations.Select(evaluation => evaluation.Id)), cancellationToken)
            + await SweepAttemptsAsync("samples", db.SampleBatches.Select(batch => batch.ArtifactKey), before, cancellationToken)
            + await SweepAttemptsAsync("evaluations", db.Evaluations.Select(evaluation => evaluation.ArtifactKey), before, cancellationToken)
            + await SweepRunsAsync(db, before, cancellationToken);
    }

    // Whoever succeeds deletes what other attempts have left, unless it dies before; and one that was frozen may publish after that.
    private async Task<int> SweepAttemptsAsync(string folder, IQueryable<string?> results, DateTime before, CancellationToken cancellationToken)
    {
        var several = artifacts.List(folder).Where(one => artifacts.List(one).Count > 1).ToList(); // mostly none
        if (several.Count == 0)
            return 0;
        var deleted = 0;
        var named = (await results.Where(key => key != null).ToListAsync(cancellationToken)).ToDictionary(key => key![..key!.LastIndexOf('/')]);
        foreach (var one in several.Where(named.ContainsKey))
        {
            foreach (var other in artifacts.List(one, before).Where(attempt => attempt != named[one]))
            {
                artifacts.Delete(other);
                LogDeleted(other);
                deleted++;
            }
        }

        return deleted;
    }

    // What a run that goes on has left, its next attempt deletes. Those that have ended may be resumed at any moment, which writes to a folder that is not old.
    private async Task<int> SweepRunsAsync(DdpmDbContext db, DateTime before, CancellationToken cancellationToken)
    {
        var deleted = 0;
        foreach (var run in artifacts.List(RunArtifacts.Runs))
        {
            if (!Guid.TryParse(run[(run.LastIndexOf('/') + 1)..], out var id))
                continue;
            var old = RunArtifacts.AttemptsAt(artifacts, id, before).SelectMany(attempt => RunArtifacts.FilesOf(artifacts, attempt, before)).ToList();
            if (old.Count == 0 || !await db.TrainingRuns.AnyAsync(row => row.Id == id && row.Job!.EndedAt != null && row.Job.EndedAt < before, cancellationToken))
                continue;
            var named = await RunArtifacts.NamedBy(db, id).ToListAsync(cancellationToken);
            foreach (var key in old.Except(named))
            {
                artifacts.Delete(key);
                LogDeleted(key);
                deleted++;
            }
        }

        return deleted;
    }

    private static IQueryable<string> KeysOfUploads(DdpmDbContext db)
    {
        var ended = new[] { JobStatus.Succeeded, JobStatus.Failed, JobStatus.Cancelled };
        return db.Datasets.Where(dataset => dataset.UploadKey != null && !ended.Contains(dataset.Job!.Status)).Select(dataset => dataset.UploadKey!)
            .Concat(db.Models.Where(model => model.UploadKey != null && !ended.Contains(model.Job!.Status)).Select(model => model.UploadKey!));
    }

    private static IEnumerable<string> KeysOf(string folder, IQueryable<Guid> ids) => ids.AsEnumerable().Select(id => $"{folder}/{id}");

    // Listed before the rows are read: whatever gets its row in between is found.
    private async Task<int> SweepAsync(string folder, IEnumerable<string> named, CancellationToken cancellationToken)
    {
        var old = artifacts.List(folder, clock.GetUtcNow().UtcDateTime - options.Value.ArtifactAge);
        if (old.Count == 0)
            return 0;
        var needed = await Task.Run(() => named.ToHashSet(StringComparer.Ordinal), cancellationToken);
        var left = old.Where(key => !needed.Contains(key)).ToList();
        foreach (var key in left)
        {
            cancellationToken.ThrowIfCancellationRequested();
            artifacts.Delete(key);
            LogDeleted(key);
        }

        return left.Count;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Key}, which no row refers to.")]
    private partial void LogDeleted(string key);
}
