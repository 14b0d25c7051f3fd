using System.Diagnostics;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Imaging;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Datasets;
using Ddpm.Worker.Life;
using Ddpm.Worker.Sampling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Evaluations;

/// <summary>Measures a model against a dataset.</summary>
internal sealed class EvaluationJob(
    JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, ModelCache models, MemoryBudget budget, FeatureNetworks networks, WorkerDevice device,
    IOptions<WorkerOptions> options) : IEvaluationJob
{
    private const int ShownSamples = 64;

    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var (evaluation, checkpoint, dataset) = Read(lease.Job.Id);
        var started = Stopwatch.GetTimestamp();
        var report = Measure(evaluation.Spec, checkpoint, dataset, lease);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var results = EvaluationMapping.ToResults(report);
        var key = report.Samples is null ? null : $"evaluations/{evaluation.Id}/e{lease.Epoch}";
        if (key is not null)
            Publish(report, key);
        lease.Succeed(db => db.Evaluations.Where(e => e.Id == evaluation.Id).ExecuteUpdate(set => set
            .SetProperty(e => e.Results, results)
            .SetProperty(e => e.ArtifactKey, key)
            .SetProperty(e => e.DurationSeconds, seconds)
            .SetProperty(e => e.Device, device.Name)));
        if (key is not null)
            artifacts.DeleteOthers(key);
    }

    // A model of its own: one that samples are drawn with would be kept from them for as long as this takes.
    private EvaluationReport Measure(EvaluationSpec spec, Checkpoint checkpoint, Dataset row, JobLease lease)
    {
        using var features = spec.Features is { } asked ? networks.Load(asked) : null;
        using var dataset = DatasetFolder.Open(artifacts, row, "evaluate again");
        using var model = models.LoadAlone(checkpoint);
        var request = EvaluationMapping.ToRequest(spec) with
        {
            Features = features,
            Cache = artifacts.PathOf(DatasetFiles.FeaturesOf(row.Id)), // goes with the dataset
            Threads = options.Value.Threads,
            TakeRoom = memory => budget.Take(memory, lease.Stop),
        };
        budget.Require(Evaluator.MemoryFor(model, request)); // before hours are spent on what comes before the samples
        return Evaluator.Run(model, dataset, request, new ProgressOf(lease), lease.Stop);
    }

    private void Publish(EvaluationReport report, string key)
    {
        var staging = artifacts.CreateStaging();
        try
        {
            var samples = report.Samples!;
            var count = Math.Min(samples.Count, ShownSamples);
            var (rows, columns) = ImageGrid.LayoutFor(count);
            File.WriteAllBytes(Path.Combine(staging, "samples.png"), ImageGrid.EncodePng(samples with { Pixels = samples.Pixels[..(count * samples.ImageBytes)], Count = count }, rows, columns));
            if (report.NearestGrid is { } grid)
                File.WriteAllBytes(Path.Combine(staging, "nearest.png"), grid);
            artifacts.Publish(staging, key);
        }
        finally
        {
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
        }
    }

    private (Evaluation Evaluation, Checkpoint Checkpoint, Dataset Dataset) Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        var evaluation = db.Evaluations.AsNoTracking().SingleOrDefault(e => e.JobId == jobId)
            ?? throw new JobFailedException("The evaluation was deleted before its turn came.");
        var checkpoint = db.Checkpoints.AsNoTracking().SingleOrDefault(c => c.Id == evaluation.CheckpointId)
            ?? throw new JobFailedException("The checkpoint was deleted before the evaluation's turn came; choose another.");
        var dataset = db.Datasets.AsNoTracking().SingleOrDefault(d => d.Id == evaluation.DatasetId && d.DeletedAt == null);
        return dataset is null ? throw new JobFailedException("The dataset was deleted before the evaluation's turn came; choose another.") : (evaluation, checkpoint, dataset);
    }

    private sealed class ProgressOf(JobLease lease) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => lease.Progress = value.Fraction;
    }
}
