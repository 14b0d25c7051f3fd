using Ddpm.Engine;
using Ddpm.Engine.Training;
using Ddpm.Engine.Training.TensorBoard;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Datasets;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using static TorchSharp.torch;

namespace Ddpm.Worker.Training;

/// <summary>Trains one run to its end, from the newest checkpoint that is whole.</summary>
internal sealed class TrainingJob(
    JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, DiskSpace disk, CheckpointChain checkpoints, TrainingRoom room, WorkerDevice device,
    WorkerMetrics metrics, IOptions<WorkerOptions> options, TimeProvider clock) : ITrainingJob
{
    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var run = Read(lease.Job.Id);
        // Sampling sets the threads of its own threads to one, and a new thread inherits what was set last.
        set_num_threads(options.Value.Threads ?? TorchRuntime.Threads);
        using var dataset = DatasetFolder.Open(artifacts, run.Dataset, "begin a new run; the checkpoints of this one can still be used");
        var folder = RunFiles.FolderOf(run, lease);
        var (config, network) = (SpecMapping.ToTraining(run.Spec, dataset.Count), SpecMapping.ToNetwork(run.Spec, dataset));
        room.Require(TrainingMemory.AtLeast(config, network, dataset.Height, dataset.Width)); // before any of it is taken
        using var trainer = checkpoints.Begin(run, lease, resumeFrom => new Trainer(
            WithTimeLeft(config, lease), network, SpecMapping.ToSchedule(run.Spec.Schedule), dataset, device.Device, artifacts.PathOf($"{folder}/checkpoints"), resumeFrom));
        var journal = new TrainingJournal(lease, run, folder, trainer, artifacts, disk, options.Value.ProgressInterval, clock);
        RunFiles.DeleteLeftovers(run, lease, artifacts);

        using var tensorBoard = new TensorBoardLog(artifacts.PathOf(RunArtifacts.TensorBoardOf(run.Id)), trainer.Step, trainer.TotalSteps);
        using var telemetry = new TrainingTelemetry(metrics, run.Spec.Training);
        var result = Run(trainer, journal, new TrainingObservers(journal, tensorBoard, telemetry), lease.Stop); // the journal first: it throws where the lease is lost
        if (!result.Completed)
            lease.Stop.ThrowIfCancellationRequested();
        RunFiles.DeleteLeftovers(run, lease, artifacts); // the curve of the attempt before, say, which this one has replaced
        lease.Succeed(_ => { });
    }

    // Counted from when the first worker began, so that handing a run over does not make it longer.
    private static TrainingConfig WithTimeLeft(TrainingConfig config, JobLease lease)
    {
        var now = lease.Now;
        var least = TimeSpan.FromMilliseconds(1); // time that is up ends the run after its next step
        return config.MaxDuration - (now - (lease.Job.StartedAt ?? now)) is { } left ? config with { MaxDuration = left > least ? left : least } : config;
    }

    private static TrainingResult Run(Trainer trainer, TrainingJournal journal, TrainingObservers observers, CancellationToken stop)
    {
        using var span = Tracing.Start("train")?.SetTag("ddpm.training.from_step", trainer.Step).SetTag("ddpm.training.total_steps", trainer.TotalSteps);
        try
        {
            var result = trainer.Run(observers, stop);
            span?.SetTag("ddpm.training.step", result.Step);
            journal.DrawLossCurve();
            return result;
        }
        catch (TrainingException)
        {
            journal.DrawLossCurve(); // It shows how the run diverged.
            throw;
        }
    }

    private TrainingRun Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        return db.TrainingRuns.AsNoTracking().Include(run => run.Dataset).SingleOrDefault(run => run.JobId == jobId)
            ?? throw new JobFailedException("The run was deleted before its turn came.");
    }
}
