using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using static TorchSharp.torch;

namespace Ddpm.Worker.Training;

/// <summary>Trains one run to its end, from the newest checkpoint that is whole.</summary>
internal sealed partial class TrainingJob(
    JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, WorkerDevice device, IOptions<WorkerOptions> options, TimeProvider clock,
    ILogger<TrainingJob> logger) : ITrainingJob
{
    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var run = Read(lease.Job.Id);
        // Sampling sets the threads of its own threads to one, and a new thread inherits what was set last.
        set_num_threads(Environment.ProcessorCount);
        using var dataset = ImageDataset.Open(artifacts.PathOf(run.Dataset?.CacheKey ?? throw new JobFailedException("The dataset of the run is not there any more.")));
        var folder = $"training-runs/{run.Id}/e{lease.Epoch}";
        using var trainer = Begin(run, dataset, artifacts.PathOf($"{folder}/checkpoints"));
        var journal = new TrainingJournal(lease, run, folder, trainer, artifacts, options.Value.ProgressInterval, clock);
        var result = trainer.Run(journal, lease.Stop);
        if (!result.Completed)
            lease.Stop.ThrowIfCancellationRequested();
        lease.Succeed(_ => { });
    }

    private Trainer Begin(TrainingRun run, ImageDataset dataset, string checkpointRoot)
    {
        foreach (var (key, sha256, step) in Checkpoints(run.Id))
        {
            try
            {
                var folder = artifacts.PathOf(key);
                if (DiffusersFolder.Open(folder).WeightsSha256() != sha256)
                    throw new CheckpointException("its weights are not those that were recorded");
                return New(folder);
            }
            catch (Exception damage) when (damage is CheckpointException or IOException)
            {
                LogDamaged(run.Id, step, damage.Message); // The one before is taken.
            }
        }

        return New(resumeFrom: null);

        Trainer New(string? resumeFrom)
        {
            lock (device.Construction)
                return new Trainer(
                    SpecMapping.ToTraining(run.Spec.Training, dataset.Count), SpecMapping.ToNetwork(run.Spec.Network, dataset), SpecMapping.ToSchedule(run.Spec.Schedule),
                    dataset, device.Device, checkpointRoot, resumeFrom);
        }
    }

    private List<(string Key, string Sha256, long Step)> Checkpoints(Guid runId)
    {
        using var db = databases.CreateDbContext();
        return [.. db.Checkpoints.AsNoTracking().Where(c => c.TrainingRunId == runId && c.Resumable).OrderByDescending(c => c.Step).ThenByDescending(c => c.Id)
            .Select(c => new { c.ArtifactKey, c.Sha256, c.Step }).AsEnumerable().Select(c => (c.ArtifactKey, c.Sha256, c.Step))];
    }

    private TrainingRun Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        return db.TrainingRuns.AsNoTracking().Include(run => run.Dataset).SingleOrDefault(run => run.JobId == jobId)
            ?? throw new JobFailedException("The run was deleted before its turn came.");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Run {RunId}: the checkpoint of step {Step} is passed over: {Reason}")]
    private partial void LogDamaged(Guid runId, long step, string reason);
}
