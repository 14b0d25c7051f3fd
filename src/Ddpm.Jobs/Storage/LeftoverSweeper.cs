using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Storage;

/// <summary>Deletes what nobody will ever ask for: uploads whose rows were never written or whose jobs have ended, artifacts whose rows are gone,
/// attempts that ended work does not name, and what interrupted work has left in staging: processes that die between a file and its row leave such things. And keys of requests that are long past.</summary>
public sealed partial class LeftoverSweeper(
    IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, IOptions<LeftoverOptions> options, TimeProvider clock, ILogger<LeftoverSweeper> logger)
{
    /// <summary>One round. Several processes may do so at once.</summary>
    /// <returns>How many artifacts were deleted.</returns>
    public async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        artifacts.DeleteAbandonedStaging(options.Value.StagingAge);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var now = await db.NowAsync(clock, cancellationToken);
        var forgotten = now - options.Value.KeyAge;
        await db.IdempotencyRecords.Where(record => record.CreatedAt < forgotten).ExecuteDeleteAsync(cancellationToken);
        var before = new Bounds(artifacts.Now() - options.Value.ArtifactAge, now - options.Value.ArtifactAge);
        return await SweepAsync("uploads", KeysOfUploads(db), before, cancellationToken)
            + await SweepAsync("models", db.Checkpoints.Where(checkpoint => checkpoint.TrainingRunId == null).Select(checkpoint => checkpoint.ArtifactKey), before, cancellationToken)
            + await SweepAsync("datasets", KeysOf("datasets", db.Datasets.Where(dataset => dataset.DeletedAt == null).Select(dataset => dataset.Id)), before, cancellationToken)
            + await SweepAsync("samples", KeysOf("samples", db.SampleBatches.Select(batch => batch.Id)), before, cancellationToken)
            + await SweepAsync("evaluations", KeysOf("evaluations", db.Evaluations.Select(evaluation => evaluation.Id)), before, cancellationToken)
            + await SweepAttemptsAsync("samples", db.SampleBatches.Select(batch => new Work { Id = batch.Id, Result = batch.ArtifactKey, EndedAt = batch.Job!.EndedAt }), before, cancellationToken)
            + await SweepAttemptsAsync("evaluations", db.Evaluations.Select(one => new Work { Id = one.Id, Result = one.ArtifactKey, EndedAt = one.Job!.EndedAt }), before, cancellationToken)
            + await SweepAttemptsAsync("datasets", db.Datasets.Select(dataset => new Work { Id = dataset.Id, Result = dataset.CacheKey, EndedAt = dataset.Job!.EndedAt }), before, cancellationToken)
            + await SweepRunsAsync(db, before, cancellationToken);
    }

    // Whoever succeeds deletes what other attempts have left, unless it dies before; one that was frozen may publish after that; and one that fails or is cancelled deletes nothing.
    private async Task<int> SweepAttemptsAsync(string folder, IQueryable<Work> all, Bounds before, CancellationToken cancellationToken)
    {
        var ended = all.Where(work => work.EndedAt < before.OfRows);
        var without = await ended.Where(work => work.Result == null).ToListAsync(cancellationToken);
        var several = artifacts.List(folder).Where(one => artifacts.List(one).Count > 1).ToHashSet(); // mostly none
        var with = several.Count == 0 ? [] : await ended.Where(work => work.Result != null).ToListAsync(cancellationToken);
        var deleted = 0;
        foreach (var work in without.Concat(with.Where(work => several.Contains($"{folder}/{work.Id}"))))
        {
            var features = DatasetFiles.FeaturesOf(work.Id);
            deleted += Delete(artifacts.List($"{folder}/{work.Id}", before.OfFiles).Where(entry => entry != features && !IsPartOf(work.Result, entry)), cancellationToken);
        }

        return deleted;
    }

    private static bool IsPartOf(string? key, string folder) => key == folder || key?.StartsWith(folder + "/", StringComparison.Ordinal) == true;

    // What a run that goes on has left, its next attempt deletes. Those that have ended may be resumed at any moment, which writes to a folder that is not old.
    private async Task<int> SweepRunsAsync(DdpmDbContext db, Bounds before, CancellationToken cancellationToken)
    {
        var deleted = 0;
        foreach (var run in artifacts.List(RunArtifacts.Runs))
        {
            if (!Guid.TryParse(run[(run.LastIndexOf('/') + 1)..], out var id))
                continue;
            var old = RunArtifacts.AttemptsAt(artifacts, id, before.OfFiles).SelectMany(attempt => RunArtifacts.FilesOf(artifacts, attempt, before.OfFiles)).ToList();
            if (old.Count == 0 || !await db.TrainingRuns.AnyAsync(row => row.Id == id && row.Job!.EndedAt != null && row.Job.EndedAt < before.OfRows, cancellationToken))
                continue;
            var named = await RunArtifacts.NamedBy(db, id).ToListAsync(cancellationToken);
            deleted += Delete(old.Except(named), cancellationToken);
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
    private async Task<int> SweepAsync(string folder, IEnumerable<string> named, Bounds before, CancellationToken cancellationToken)
    {
        var old = artifacts.List(folder, before.OfFiles);
        if (old.Count == 0)
            return 0;
        var needed = await Task.Run(() => named.ToHashSet(StringComparer.Ordinal), cancellationToken);
        return Delete(old.Where(key => !needed.Contains(key)), cancellationToken);
    }

    private int Delete(IEnumerable<string> keys, CancellationToken cancellationToken)
    {
        var deleted = 0;
        foreach (var key in keys)
        {
            cancellationToken.ThrowIfCancellationRequested();
            artifacts.Delete(key);
            LogDeleted(key);
            deleted++;
        }

        return deleted;
    }

    // What is older: files by the clock of the file system, rows by the database's.
    private sealed record Bounds(DateTime OfFiles, DateTime OfRows);

    // Of what was asked for: where its result lies, if there is one.
    private sealed class Work
    {
        public required Guid Id { get; init; }

        public required string? Result { get; init; }

        public required DateTime? EndedAt { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Key}, which no row refers to.")]
    private partial void LogDeleted(string key);
}
