using System.IO.Compression;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Training;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

/// <summary>Writes the rows and files that a worker would write.</summary>
internal static class FakeWorker
{
    /// <summary>The smallest PNG: one white pixel.</summary>
    public static byte[] Png { get; } = Convert.FromBase64String(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg==");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using var bytes = new MemoryStream();
        using (var zip = new ZipArchive(bytes, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in entries)
            {
                using var stream = zip.CreateEntry(name).Open();
                stream.Write(content);
            }
        }

        return bytes.ToArray();
    }

    public static async Task<Guid> DatasetAsync(this ApiHost host, JobStatus status = JobStatus.Succeeded, int resolution = 32, string name = "faces")
    {
        var id = Guid.CreateVersion7();
        var job = NewJob(JobKind.Dataset, status);
        var built = status == JobStatus.Succeeded;
        if (built)
            await host.Artifacts.WriteAsync($"datasets/{id}/preview.png", Png, Cancel);
        await host.AddAsync(new Dataset
        {
            Id = id,
            JobId = job.Id,
            Job = job,
            Name = name,
            Spec = new() { Source = new() { Kind = DatasetSourceKind.Builtin, Name = "faces", Count = 10 }, Resolution = resolution },
            ImageCount = built ? 10 : 0,
            CacheKey = built ? $"datasets/{id}/cache" : null,
            PreviewKey = built ? $"datasets/{id}/preview.png" : null,
        });
        return id;
    }

    public static async Task<Guid> RunAsync(this ApiHost host, JobStatus status = JobStatus.Succeeded, Guid? dataset = null, long step = 100)
    {
        var job = NewJob(JobKind.Training, status);
        var run = new TrainingRun
        {
            Id = Guid.CreateVersion7(),
            JobId = job.Id,
            Job = job,
            DatasetId = dataset ?? await host.DatasetAsync(),
            Name = "run",
            Spec = new() { Training = new() { BatchSize = 1 } },
            Step = step,
            TotalSteps = 100,
            Epoch = step / 10.0,
            Loss = 0.05,
        };
        await host.AddAsync(run);
        return run.Id;
    }

    public static async Task<Guid> CheckpointAsync(this ApiHost host, Guid? run = null, long step = 100, int timesteps = 1000, string scheduler = "DDPMScheduler")
    {
        var id = Guid.CreateVersion7();
        var key = $"models/{id}";
        foreach (var (name, content) in new[]
                 {
                     ("model_index.json", "{}"), ("unet/config.json", "{}"), ("unet/diffusion_pytorch_model.safetensors", "weights"),
                     ("scheduler/scheduler_config.json", "{}"), ("training/state.json", "{}"),
                 })
            await host.Artifacts.WriteAsync($"{key}/{name}", System.Text.Encoding.UTF8.GetBytes(content), Cancel);
        await host.AddAsync(new Checkpoint
        {
            Id = id,
            TrainingRunId = run,
            Step = step,
            Operations = 1e9,
            Resolution = 32,
            Channels = 3,
            NetworkConfig = """{"sample_size": 32}""",
            SchedulerConfig = $$"""{"num_train_timesteps": {{timesteps}}, "_class_name": "{{scheduler}}"}""",
            Sha256 = new string('0', 64),
            ArtifactKey = key,
            CreatedAt = DateTime.UtcNow,
        });
        return id;
    }

    public static async Task<Guid> ModelAsync(this ApiHost host, string name, int timesteps = 1000)
    {
        var checkpoint = await host.CheckpointAsync(timesteps: timesteps);
        await host.AddAsync(new NamedModel { Name = name, CheckpointId = checkpoint, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow });
        return checkpoint;
    }

    public static async Task<Guid> SamplesAsync(this ApiHost host, Guid checkpoint, JobStatus status = JobStatus.Succeeded, int count = 2)
    {
        var id = Guid.CreateVersion7();
        var job = NewJob(JobKind.Sampling, status);
        await host.AddAsync(new SampleBatch { Id = id, JobId = job.Id, Job = job, CheckpointId = checkpoint, Spec = new() { Count = count, Steps = 25, Trajectory = true } });
        if (status == JobStatus.Succeeded)
            await host.DrawAsync(id);
        return id;
    }

    /// <summary>Ends a sample request with pictures.</summary>
    public static async Task DrawAsync(this ApiHost host, Guid id)
    {
        await using var db = host.Database();
        var batch = await db.SampleBatches.Include(row => row.Job).SingleAsync(row => row.Id == id, Cancel);
        var key = $"samples/{id}/e1";
        await host.Artifacts.WriteAsync($"{key}/grid.png", Png, Cancel);
        for (var n = 0; n < batch.Spec.Count; n++)
            await host.Artifacts.WriteAsync($"{key}/images/{n}.png", Png, Cancel);
        if (batch.Spec.Trajectory)
            await host.Artifacts.WriteAsync($"{key}/trajectory.webp", "RIFF"u8.ToArray(), Cancel);
        batch.ArtifactKey = key;
        batch.Job!.Status = JobStatus.Succeeded;
        batch.Job.EndedAt = DateTime.UtcNow;
        await db.SaveChangesAsync(Cancel);
    }

    /// <summary>An evaluation; with numbers and pictures where it has succeeded.</summary>
    public static async Task<Guid> EvaluationAsync(this ApiHost host, Guid checkpoint, Guid dataset, JobStatus status = JobStatus.Succeeded)
    {
        var id = Guid.CreateVersion7();
        var job = NewJob(JobKind.Evaluation, status);
        await host.AddAsync(new Evaluation { Id = id, JobId = job.Id, Job = job, CheckpointId = checkpoint, DatasetId = dataset, Spec = new() { Steps = 25 } });
        if (status == JobStatus.Succeeded)
            await host.MeasureAsync(id);
        return id;
    }

    /// <summary>Ends an evaluation with numbers and pictures.</summary>
    public static async Task MeasureAsync(this ApiHost host, Guid id)
    {
        await using var db = host.Database();
        var evaluation = await db.Evaluations.Include(row => row.Job).SingleAsync(row => row.Id == id, Cancel);
        var key = $"evaluations/{id}/e1";
        await host.Artifacts.WriteAsync($"{key}/samples.png", Png, Cancel);
        await host.Artifacts.WriteAsync($"{key}/nearest.png", Png, Cancel);
        evaluation.ArtifactKey = key;
        evaluation.Results = new()
        {
            BitsPerDimension = new(new(3.5, 0.02), new(1e-5, null), new(1.5, 0.02), new(2, 0.01), [new(0, 0, new(2, 0.01), new(0.6, 0.01))], 128),
            Memorisation = new(41.5, 34.8, [new(17, [new(268, 27.4, true)])], 128, 32),
        };
        evaluation.Job!.Status = JobStatus.Succeeded;
        evaluation.Job.EndedAt = DateTime.UtcNow;
        await db.SaveChangesAsync(Cancel);
    }

    /// <summary>Ends every job that waits, until it is disposed: a worker in a hurry.</summary>
    public static IAsyncDisposable Hurry(this ApiHost host, JobStatus status) => new Hurrying(host, status);

    public static async Task AddAsync(this ApiHost host, object row)
    {
        await using var db = host.Database();
        db.Add(row);
        await db.SaveChangesAsync(Cancel);
    }

    private static Job NewJob(JobKind kind, JobStatus status) => new()
    {
        Id = Guid.CreateVersion7(),
        Kind = kind,
        Status = status,
        CreatedAt = DateTime.UtcNow,
        LeaseExpiresAt = status == JobStatus.Running ? DateTime.UtcNow.AddHours(1) : null, // or the host's reconciler would take it back
        Error = status == JobStatus.Failed ? "Out of paint." : null,
    };

    private sealed class Hurrying : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        private readonly Task _work;

        public Hurrying(ApiHost host, JobStatus status) => _work = WorkAsync(host, status, _stop.Token);

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _work;
            _stop.Dispose();
        }

        private static async Task WorkAsync(ApiHost host, JobStatus status, CancellationToken stop)
        {
            while (!stop.IsCancellationRequested)
            {
                await using var db = host.Database();
                foreach (var job in await db.Jobs.Where(job => job.Status == JobStatus.Queued).ToListAsync(Cancel))
                {
                    if (job.Kind == JobKind.Sampling && status == JobStatus.Succeeded)
                    {
                        await host.DrawAsync(await db.SampleBatches.Where(batch => batch.JobId == job.Id).Select(batch => batch.Id).SingleAsync(Cancel));
                        continue;
                    }

                    if (job.Kind == JobKind.Evaluation && status == JobStatus.Succeeded)
                    {
                        await host.MeasureAsync(await db.Evaluations.Where(row => row.JobId == job.Id).Select(row => row.Id).SingleAsync(Cancel));
                        continue;
                    }

                    await db.Jobs.Where(row => row.Id == job.Id).ExecuteUpdateAsync(
                        row => row.SetProperty(j => j.Status, status).SetProperty(j => j.Error, status == JobStatus.Failed ? "Out of paint." : null), Cancel);
                }

                await Task.Delay(20, Cancel);
            }
        }
    }
}
