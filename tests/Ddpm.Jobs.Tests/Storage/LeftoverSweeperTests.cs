using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Tests.Storage;

public sealed class LeftoverSweeperTests : JobsTests
{
    private ArtifactStore Artifacts => Host.Get<ArtifactStore>();

    [Fact]
    public async Task SweepAsync_DeletesUploads_WhenNoRowWillEverAskForThem()
    {
        await AddDatasetAsync(JobStatus.Queued, "uploads/waits");
        await AddDatasetAsync(JobStatus.Failed, "uploads/failed");
        await AddModelAsync(JobStatus.Running, "uploads/imported");
        await AddModelAsync(JobStatus.Cancelled, "uploads/cancelled");
        Write("uploads/waits", "uploads/failed", "uploads/imported", "uploads/cancelled", "uploads/nobodys");

        Assert.Equal(0, await SweepAsync());
        LetPass(TimeSpan.FromHours(25));
        Assert.Equal(3, await SweepAsync());

        Assert.Equal(["uploads/imported", "uploads/waits"], Artifacts.List("uploads").Order());
    }

    [Fact]
    public async Task SweepAsync_ForgetsKeysOfRequests_ThatAreLongPast()
    {
        await using var db = Host.Open();
        foreach (var days in new[] { 29, 31 })
            db.Add(new IdempotencyRecord { Scope = "POST /samples", Key = $"{days}", BodySha256 = "", Location = "/samples/1", CreatedAt = DateTime.UtcNow.AddDays(-days) });
        await db.SaveChangesAsync(Cancellation);

        await SweepAsync();

        Assert.Equal(["29"], await db.IdempotencyRecords.Select(record => record.Key).ToListAsync(Cancellation));
    }

    [Fact]
    public async Task SweepAsync_DeletesArtifacts_WhenTheirRowsAreGone()
    {
        var dataset = await AddDatasetAsync(JobStatus.Succeeded, upload: null);
        var deleted = await AddDatasetAsync(JobStatus.Succeeded, upload: null, DateTime.UtcNow);
        var samples = await AddSamplesAsync();
        var evaluation = await AddEvaluationAsync();
        var checkpoint = await AddCheckpointAsync();
        var stranger = Guid.CreateVersion7();
        Write($"datasets/{dataset}/e2/preview.png", $"datasets/{deleted}/e1/preview.png", $"datasets/{stranger}/e1/preview.png",
            $"samples/{samples}/e1/grid.png", $"samples/{stranger}/e1/grid.png", $"evaluations/{evaluation}/e1/nearest.png", $"evaluations/{stranger}/e1/nearest.png",
            $"models/{checkpoint}/model_index.json", $"models/{stranger}/model_index.json",
            $"training-runs/{stranger}/loss.png");

        LetPass(TimeSpan.FromHours(25));
        Assert.Equal(5, await SweepAsync());

        Assert.Equal([$"datasets/{dataset}"], Artifacts.List("datasets"));
        Assert.Equal([$"samples/{samples}"], Artifacts.List("samples"));
        Assert.Equal([$"evaluations/{evaluation}"], Artifacts.List("evaluations"));
        Assert.Equal([$"models/{checkpoint}"], Artifacts.List("models"));
        Assert.True(Artifacts.Exists($"training-runs/{stranger}/loss.png"));
    }

    // Of a worker that died between its result and the deletion of what others have left, or that was frozen and published afterwards.
    [Fact]
    public async Task SweepAsync_DeletesAttempts_ThatEndedWorkDoesNotName()
    {
        var (drawn, cancelled, waiting) = (await AddSamplesAsync(JobStatus.Succeeded), await AddSamplesAsync(JobStatus.Cancelled), await AddSamplesAsync());
        var measured = await AddEvaluationAsync(JobStatus.Succeeded);
        var (built, failed) = (await AddDatasetAsync(JobStatus.Succeeded, upload: null), await AddDatasetAsync(JobStatus.Failed, upload: null));
        await using (var db = Host.Open())
        {
            await db.SampleBatches.Where(batch => batch.Id == drawn).ExecuteUpdateAsync(set => set.SetProperty(batch => batch.ArtifactKey, $"samples/{drawn}/e2"), Cancellation);
            await db.Evaluations.Where(one => one.Id == measured).ExecuteUpdateAsync(set => set.SetProperty(one => one.ArtifactKey, $"evaluations/{measured}/e2"), Cancellation);
        }

        Write($"samples/{drawn}/e1/grid.png", $"samples/{drawn}/e2/grid.png", $"samples/{drawn}/guide/picture",
            $"samples/{cancelled}/e1/grid.png", $"samples/{waiting}/guide/picture",
            $"evaluations/{measured}/e2/nearest.png", $"evaluations/{measured}/e3/nearest.png",
            $"datasets/{built}/e1/preview.png", $"datasets/{built}/e2/cache/pixels", $"datasets/{built}/features/one", $"datasets/{failed}/e1/preview.png");

        Assert.Equal(0, await SweepAsync());
        LetPass(TimeSpan.FromHours(25));
        Assert.Equal(6, await SweepAsync());

        Assert.Equal([$"samples/{drawn}/e2"], Artifacts.List($"samples/{drawn}"));
        Assert.Empty(Artifacts.List($"samples/{cancelled}"));
        Assert.Equal([$"samples/{waiting}/guide"], Artifacts.List($"samples/{waiting}"));
        Assert.Equal([$"evaluations/{measured}/e2"], Artifacts.List($"evaluations/{measured}"));
        Assert.Equal([$"datasets/{built}/e2", $"datasets/{built}/features"], Artifacts.List($"datasets/{built}").Order());
        Assert.Empty(Artifacts.List($"datasets/{failed}"));
    }

    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));

    // Rows age by the database's clock, here that of the process; files by the file system's.
    private void LetPass(TimeSpan time)
    {
        Host.Clock.Shift += time;
        foreach (var entry in new DirectoryInfo(Artifacts.PathOf("x")).Parent!.EnumerateFileSystemInfos("*", SearchOption.AllDirectories).ToList())
            entry.LastWriteTimeUtc -= time;
    }

    private Task<int> SweepAsync() => Host.Get<LeftoverSweeper>().SweepAsync(Cancellation);

    private void Write(params string[] keys)
    {
        foreach (var key in keys)
            Artifacts.Write(key, [1]);
    }

    private async Task<Guid> AddDatasetAsync(JobStatus status, string? upload, DateTime? deletedAt = null)
    {
        var id = Guid.CreateVersion7();
        await AddAsync(new Dataset
        {
            Id = id,
            JobId = (await Host.AddJobAsync(JobKind.Dataset, status)).Id,
            Name = "pictures",
            Spec = new DatasetSpec { Source = new DatasetSource { Kind = DatasetSourceKind.Upload } },
            UploadKey = upload,
            CacheKey = status == JobStatus.Succeeded ? $"datasets/{id}/e2/cache" : null,
            DeletedAt = deletedAt,
        });
        return id;
    }

    private async Task AddModelAsync(JobStatus status, string upload) => await AddAsync(new NamedModel
    {
        Name = Path.GetFileName(upload),
        JobId = (await Host.AddJobAsync(JobKind.ModelImport, status)).Id,
        UploadKey = upload,
        CreatedAt = DateTime.UtcNow,
        UpdatedAt = DateTime.UtcNow,
    });

    private async Task<Guid> AddSamplesAsync(JobStatus status = JobStatus.Queued)
    {
        var batch = new SampleBatch
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Sampling, status)).Id,
            CheckpointId = Guid.CreateVersion7(),
            Spec = new SamplingSpec(),
        };
        await AddAsync(batch);
        return batch.Id;
    }

    private async Task<Guid> AddEvaluationAsync(JobStatus status = JobStatus.Queued)
    {
        var evaluation = new Evaluation
        {
            Id = Guid.CreateVersion7(),
            JobId = (await Host.AddJobAsync(JobKind.Evaluation, status)).Id,
            CheckpointId = Guid.CreateVersion7(),
            DatasetId = Guid.CreateVersion7(),
            Spec = new EvaluationSpec(),
        };
        await AddAsync(evaluation);
        return evaluation.Id;
    }

    private async Task<Guid> AddCheckpointAsync()
    {
        var id = Guid.CreateVersion7();
        await AddAsync(new Checkpoint { Id = id, NetworkConfig = "{}", SchedulerConfig = "{}", Sha256 = "", ArtifactKey = $"models/{id}", CreatedAt = DateTime.UtcNow });
        return id;
    }

    private async Task AddAsync(object row)
    {
        await using var db = Host.Open();
        db.Add(row);
        await db.SaveChangesAsync(Cancellation);
    }
}
