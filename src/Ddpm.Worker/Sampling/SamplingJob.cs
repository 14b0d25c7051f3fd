using System.Diagnostics;
using System.Globalization;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>Draws the pictures of one batch: each as a PNG, all of them as a grid, and where asked how they came about.</summary>
internal sealed partial class SamplingJob(
    JobStarter starter, SamplingPlaces places, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, DiskSpace disk, ModelCache models, MemoryBudget budget, WorkerDevice device,
    WorkerMetrics metrics, IOptions<WorkerOptions> options, TimeProvider clock, ILogger<SamplingJob> logger) : ISamplingJob
{
    private const double MiB = 1024 * 1024;

    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => starter.StartAsync(jobId, places, Work);

    private void Work(JobLease lease)
    {
        var (batch, checkpoint) = Read(lease.Job.Id);
        var request = SpecMapping.ToRequest(batch.Spec) with { Threads = options.Value.Threads };
        var (rows, columns) = SpecMapping.ToLayout(batch.Spec);
        var guide = new GuideReader(artifacts, batch);
        var trajectory = batch.Spec.Trajectory ? new Trajectory() : null;
        var (images, started, duration) = models.Use(
            checkpoint, SpecMapping.ToPrecision(batch.Spec), model => Draw(model, request with { Guide = guide.Read(model) }, trajectory, (rows, columns), lease));

        disk.Require(2L * images.Pixels.Length, "The pictures"); // each alone, and all as a grid
        var key = $"samples/{batch.Id}/e{lease.Epoch}";
        var staging = artifacts.CreateStaging();
        try
        {
            Encode(images, trajectory, rows, columns, staging, lease.Stop);
            using var span = Tracing.Start("publish");
            artifacts.Publish(staging, key);
        }
        finally
        {
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
        }

        lease.Succeed(db => db.SampleBatches.Where(b => b.Id == batch.Id).ExecuteUpdate(set => set
            .SetProperty(b => b.ArtifactKey, key)
            .SetProperty(b => b.DrawingStartedAt, started)
            .SetProperty(b => b.DurationSeconds, duration.TotalSeconds)
            .SetProperty(b => b.Device, device.Name)));
        artifacts.DeleteOthers(key);
    }

    private static void Encode(PixelBatch images, Trajectory? trajectory, int rows, int columns, string folder, CancellationToken stop)
    {
        using var span = Tracing.Start("encode");
        Directory.CreateDirectory(Path.Combine(folder, "images"));
        for (var n = 0; n < images.Count; n++)
        {
            stop.ThrowIfCancellationRequested();
            var image = images with { Pixels = images.Image(n).ToArray(), Count = 1 };
            File.WriteAllBytes(Path.Combine(folder, "images", string.Create(CultureInfo.InvariantCulture, $"{n}.png")), ImageGrid.EncodePng(image, rows: 1, columns: 1));
        }

        File.WriteAllBytes(Path.Combine(folder, "grid.png"), ImageGrid.EncodePng(images, rows, columns));
        if (trajectory is not null)
            File.WriteAllBytes(Path.Combine(folder, "trajectory.webp"), trajectory.EncodeWebP(rows, columns));
    }

    private (PixelBatch Images, DateTime Started, TimeSpan Duration) Draw(
        DiffusionModel model, SampleRequest request, Trajectory? trajectory, (int Rows, int Columns) layout, JobLease lease)
    {
        try
        {
            ImageGrid.CheckSize(layout.Rows, layout.Columns, model.Side, model.Side);
            if (trajectory is not null)
                ImageGrid.CheckAnimationSize(layout.Rows, layout.Columns, model.Side, model.Side, Trajectory.MostFrames);
            var memory = model.MemoryFor(request, trajectory is not null);
            LogMemory(lease.Job.Id, request.Count, model.Side, memory.HostBytes / MiB, memory.DeviceBytes / MiB);
            using var share = budget.Take(memory, lease.Stop);
            using var span = Tracing.Start("draw")?.SetTag("ddpm.sampling.images", request.Count);
            var progress = new ProgressOf(lease);
            var (started, stopwatch) = (clock.GetUtcNow().UtcDateTime, Stopwatch.GetTimestamp());
            var images = model.Sample(request, progress, lease.Stop, trajectory);
            var duration = Stopwatch.GetElapsedTime(stopwatch);
            var steps = progress.Steps / request.Count;
            metrics.Drawn(request.Count, steps, duration);
            span?.SetTag("ddpm.sampling.steps", steps);
            return (images, started, duration);
        }
        catch (ArgumentException misfit)
        {
            // The spec was checked at the door; what is left is what only the loaded model knows.
            throw new JobFailedException(misfit.Message.Split(" (Parameter '")[0]);
        }
    }

    private (SampleBatch Batch, Checkpoint Checkpoint) Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        var batch = db.SampleBatches.AsNoTracking().SingleOrDefault(b => b.JobId == jobId)
            ?? throw new JobFailedException("The request was deleted before its turn came.");
        var checkpoint = db.Checkpoints.AsNoTracking().SingleOrDefault(c => c.Id == batch.CheckpointId)
            ?? throw new JobFailedException("The checkpoint was deleted before the request's turn came; choose another.");
        return (batch, checkpoint);
    }

    [LoggerMessage(Level = LogLevel.Information,
        Message = "Sampling job {JobId} draws {Count} pictures of {Side}×{Side}; beside the model it takes about {Host:0.0} MiB of memory, and {Device:0.0} MiB of a GPU's.")]
    private partial void LogMemory(Guid jobId, int count, int side, double host, double device);

    private sealed class ProgressOf(JobLease lease) : IProgress<SamplingProgress>
    {
        /// <summary>Of all pictures together; 0 where nothing was reported.</summary>
        public int Steps { get; private set; }

        public void Report(SamplingProgress value)
        {
            Steps = value.StepsTotal;
            lease.Progress = (double)value.StepsDone / value.StepsTotal;
        }
    }
}
