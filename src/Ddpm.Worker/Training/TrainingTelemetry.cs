using System.Diagnostics;
using Ddpm.Engine.Training;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;

namespace Ddpm.Worker.Training;

/// <summary>Measures a run's steps, and makes a span of each of its checkpoints; there are too many steps for a span each.</summary>
internal sealed class TrainingTelemetry(WorkerMetrics metrics, OptimizationSpec spec) : TrainingObserver, IDisposable
{
    private readonly int _imagesPerStep = spec.BatchSize * spec.GradientAccumulationSteps;
    private Activity? _checkpoint;
    private long _steppedAt; // 0 where something else came since

    public override void OnProgress(TrainingProgress progress)
    {
        metrics.Trained(_imagesPerStep, _steppedAt == 0 ? null : Stopwatch.GetElapsedTime(_steppedAt));
        _steppedAt = Stopwatch.GetTimestamp();
    }

    public override void OnPreview(TrainingPreviewImages preview) => _steppedAt = 0;

    public override void OnRollback(TrainingRollback rollback)
    {
        _steppedAt = 0;
        Activity.Current?.AddEvent(new ActivityEvent("rollback", tags: new ActivityTagsCollection { ["ddpm.training.step"] = rollback.Step }));
    }

    public override void OnCheckpointDue(long bytes, bool isLast)
    {
        _steppedAt = 0;
        _checkpoint?.Dispose();
        _checkpoint = Tracing.Start("checkpoint");
    }

    public override void OnCheckpoint(CheckpointInfo checkpoint)
    {
        _steppedAt = 0;
        _checkpoint?.SetTag("ddpm.training.step", checkpoint.Step).SetTag("ddpm.training.epoch", checkpoint.Epoch).SetTag("ddpm.checkpoint.bytes", checkpoint.Bytes);
        Dispose();
    }

    public void Dispose()
    {
        _checkpoint?.Dispose();
        _checkpoint = null;
    }
}
