using Ddpm.Engine.Imaging;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Query;

namespace Ddpm.Worker.Training;

/// <summary>Writes down what a run reports: its progress, points of its curves, previews and checkpoints. Every write is fenced by the lease.</summary>
internal sealed class TrainingJournal : TrainingObserver
{
    // A tiny network may have previews and checkpoints many times a second.
    private static readonly TimeSpan CurveInterval = TimeSpan.FromSeconds(10);

    private readonly JobLease _lease;
    private readonly TrainingRun _run;
    private readonly string _folder;
    private readonly ArtifactStore _artifacts;
    private readonly DiskSpace _disk;
    private readonly TimeSpan _interval;
    private readonly TimeProvider _clock;
    private readonly string _networkConfig;
    private readonly string _schedulerConfig;
    private readonly double _operations;
    private readonly List<(long Step, double Loss)> _curve = [];
    private readonly List<double> _losses = []; // since the last point of the curve
    private TrainingProgress? _unwritten;
    private DiskFullException? _noRoom; // for what comes after the checkpoint that is being written
    private long _writtenAt;
    private long _drawnAt;

    public TrainingJournal(JobLease lease, TrainingRun run, string folder, Trainer trainer, ArtifactStore artifacts, DiskSpace disk, TimeSpan interval, TimeProvider clock)
    {
        (_lease, _run, _folder, _artifacts, _disk, _interval, _clock) = (lease, run, folder, artifacts, disk, interval, clock);
        (_networkConfig, _schedulerConfig) = (trainer.Network.ToJson(), trainer.Schedule.ToJson());
        _operations = NetworkOperations.PerPicture(trainer.Network, run.Dataset!.Spec.Resolution);
        // What an attempt wrote after the checkpoint that this one goes on from will be written again.
        GoOnFrom(trainer.Step, row => row.SetProperty(r => r.TotalSteps, trainer.TotalSteps));
    }

    public override void OnProgress(TrainingProgress progress)
    {
        // Not to be followed by a checkpoint that nobody may record.
        if (_lease.StopReason == StopReason.LeaseLost)
            throw new LeaseLostException();
        if (!progress.Skipped)
        {
            _losses.Add(progress.Loss);
            _unwritten = progress;
        }

        _lease.Progress = (double)progress.Step / progress.TotalSteps;
        if (_clock.GetElapsedTime(_writtenAt) >= _interval || progress.Step == progress.TotalSteps)
            WriteWithProgress(_ => { });
    }

    public override void OnRollback(TrainingRollback rollback)
    {
        _unwritten = null;
        _losses.Clear();
        GoOnFrom(rollback.Step, row => { });
    }

    public override void OnPreview(TrainingPreviewImages preview)
    {
        var (rows, columns) = ImageGrid.LayoutFor(preview.Images.Count);
        var key = $"{_folder}/previews/{preview.Step}.png";
        _artifacts.Write(key, ImageGrid.EncodePng(preview.Images, rows, columns));
        var now = _clock.GetUtcNow().UtcDateTime;
        WriteWithProgress(db =>
        {
            if (!db.TrainingPreviews.Any(p => p.TrainingRunId == _run.Id && p.Step == preview.Step))
                db.TrainingPreviews.Add(new TrainingPreview { TrainingRunId = _run.Id, Step = preview.Step, Epoch = preview.Epoch, ArtifactKey = key, At = now });
        });
        DrawLossCurveNowAndThen();
    }

    // The reserve is there for this: what was trained is saved, and only then the run ends. Where even that is used up, the checkpoint before is what is left.
    public override void OnCheckpointDue(long bytes, bool isLast)
    {
        try
        {
            _disk.Require(bytes, "A checkpoint of the run");
        }
        catch (DiskFullException full)
        {
            _disk.RequireOfReserve(bytes, "A checkpoint of the run");
            _noRoom = isLast ? null : full;
        }
    }

    public override void OnCheckpoint(CheckpointInfo checkpoint)
    {
        var row = RowOf(checkpoint);
        List<string> retired = [];
        WriteWithProgress(db =>
        {
            if (!db.Checkpoints.Any(c => c.Id == row.Id))
            {
                db.Checkpoints.Add(row);
                db.SaveChanges();
            }

            // A run that gets on is not given up because of workers that it lost long ago.
            db.Jobs.Where(job => job.Id == _lease.Job.Id).ExecuteUpdate(set => set.SetProperty(job => job.LostLeases, 0));
            retired = Retire(db);
        });
        retired.ForEach(_artifacts.Delete);
        if (_noRoom is { } full && !_lease.Stop.IsCancellationRequested)
            throw new JobFailedException($"The run was stopped at step {checkpoint.Step}, of which it has saved a checkpoint. {full.Message} Then resume it.", full);
        DrawLossCurveNowAndThen();
    }

    /// <summary>Draws the curve as far as it has come.</summary>
    public void DrawLossCurve()
    {
        if (_unwritten is not null)
            WriteWithProgress(_ => { });
        var key = $"{_folder}/loss.png";
        _artifacts.Write(key, LossCurve.EncodePng(_curve));
        if (_drawnAt == 0)
            _lease.Write(db => db.TrainingRuns.Where(run => run.Id == _run.Id).ExecuteUpdate(set => set.SetProperty(run => run.LossCurveKey, key)));
        _drawnAt = _clock.GetTimestamp();
    }

    // Points of the curves and previews past a step are forgotten.
    private void GoOnFrom(long step, Action<UpdateSettersBuilder<TrainingRun>> alsoSet) => _lease.Write(db =>
    {
        db.TrainingMetrics.Where(metric => metric.TrainingRunId == _run.Id && metric.Step > step).ExecuteDelete();
        db.TrainingPreviews.Where(preview => preview.TrainingRunId == _run.Id && preview.Step > step).ExecuteDelete();
        db.TrainingRuns.Where(run => run.Id == _run.Id).ExecuteUpdate(set =>
        {
            set.SetProperty(run => run.Step, step);
            alsoSet(set);
        });
        _curve.Clear();
        _curve.AddRange(db.TrainingMetrics.Where(metric => metric.TrainingRunId == _run.Id).OrderBy(metric => metric.Step)
            .Select(metric => new { metric.Step, metric.Loss }).AsEnumerable().Select(metric => (metric.Step, metric.Loss)));
    });

    private void DrawLossCurveNowAndThen()
    {
        if (_drawnAt == 0 || _clock.GetElapsedTime(_drawnAt) >= CurveInterval)
            DrawLossCurve();
    }

    // In one transaction, so that the row never lags behind its previews and checkpoints.
    private void WriteWithProgress(Action<DdpmDbContext> change)
    {
        var progress = _unwritten;
        var loss = progress is null ? double.NaN : _losses.Average();
        var now = _clock.GetUtcNow().UtcDateTime;
        _lease.Write(db =>
        {
            if (progress is not null)
                Write(db, progress, loss, now);
            change(db);
        });
        if (progress is null)
            return;
        _unwritten = null;
        _losses.Clear();
        _curve.Add((progress.Step, loss));
        _writtenAt = _clock.GetTimestamp();
    }

    private void Write(DdpmDbContext db, TrainingProgress progress, double loss, DateTime now)
    {
        double? secondsLeft = progress.Remaining?.TotalSeconds;
        db.TrainingRuns.Where(run => run.Id == _run.Id).ExecuteUpdate(set => set
            .SetProperty(run => run.Step, progress.Step)
            .SetProperty(run => run.TotalSteps, progress.TotalSteps)
            .SetProperty(run => run.Epoch, progress.Epoch)
            .SetProperty(run => run.Loss, loss)
            .SetProperty(run => run.LearningRate, progress.LearningRate)
            .SetProperty(run => run.GradNorm, progress.GradNorm)
            .SetProperty(run => run.ImagesPerSecond, progress.ImagesPerSecond)
            .SetProperty(run => run.SkippedSteps, progress.SkippedSteps)
            .SetProperty(run => run.EmaDistance, progress.EmaDistance)
            .SetProperty(run => run.MemoryBytes, progress.MemoryBytes)
            .SetProperty(run => run.EtaSeconds, secondsLeft));
        if (!db.TrainingMetrics.Any(metric => metric.TrainingRunId == _run.Id && metric.Step == progress.Step))
            db.TrainingMetrics.Add(new TrainingMetric
            {
                TrainingRunId = _run.Id,
                Step = progress.Step,
                Epoch = progress.Epoch,
                Loss = loss,
                LearningRate = progress.LearningRate,
                GradNorm = progress.GradNorm,
                ImagesPerSecond = progress.ImagesPerSecond,
                SkippedSteps = progress.SkippedSteps,
                EmaDistance = progress.EmaDistance,
                MemoryBytes = progress.MemoryBytes,
                At = now,
            });
    }

    private Checkpoint RowOf(CheckpointInfo checkpoint) => new()
    {
        Id = Guid.CreateVersion7(),
        Account = _lease.Job.Account,
        TrainingRunId = _run.Id,
        Step = checkpoint.Step,
        Epoch = checkpoint.Epoch,
        Loss = double.IsFinite(checkpoint.Loss) ? checkpoint.Loss : null,
        Ema = checkpoint.Ema,
        Resumable = true,
        Parameters = checkpoint.Parameters,
        Operations = _operations,
        Resolution = _run.Dataset!.Spec.Resolution,
        Channels = _run.Dataset.Spec.Channels,
        NetworkConfig = _networkConfig,
        SchedulerConfig = _schedulerConfig,
        Bytes = checkpoint.Bytes,
        Sha256 = checkpoint.Sha256,
        ArtifactKey = $"{_folder}/checkpoints/{Path.GetFileName(checkpoint.Folder)}",
        CreatedAt = _clock.GetUtcNow().UtcDateTime,
    };

    // The newest that a run can go on from stay, and the best; and whatever a name or a request that waits points to.
    private List<string> Retire(DdpmDbContext db)
    {
        var training = _run.Spec.Training;
        var all = db.Checkpoints.Where(c => c.TrainingRunId == _run.Id)
            .OrderByDescending(c => c.Resumable).ThenByDescending(c => c.Step).ThenByDescending(c => c.Id).ToList();
        var candidates = all.ConvertAll(c => new CheckpointRetention.Candidate(c.Resumable ? c.Loss : null, c.Bytes));
        var retired = CheckpointRetention.Retired(candidates, training.KeepCheckpoints, training.MaxCheckpointMebibytes * (1L << 20)).Select(index => all[index].Id).ToList();
        return [.. CheckpointUses.DeleteUnneeded(db, retired)];
    }
}
