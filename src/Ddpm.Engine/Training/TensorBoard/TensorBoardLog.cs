using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Training.TensorBoard;

/// <summary>Writes what a run reports as events for TensorBoard: its curves and the preview pictures.</summary>
public sealed class TensorBoardLog : TrainingObserver, IDisposable
{
    private const int Points = 5000; // of the whole curve, about; TensorBoard draws 1,000

    private readonly EventFile _events;
    private readonly long _stepsPerPoint;
    private readonly List<double> _losses = []; // since the last point

    /// <param name="folder">Holds the events of this run alone, from all its attempts.</param>
    /// <param name="step">The step that this attempt goes on from; what earlier ones wrote of later steps is withdrawn.</param>
    /// <param name="totalSteps">Of the whole run.</param>
    public TensorBoardLog(string folder, long step, long totalSteps)
    {
        _stepsPerPoint = Math.Max(1, totalSteps / Points);
        _events = new EventFile(folder);
        _events.Restart(step + 1);
    }

    /// <inheritdoc/>
    public override void OnProgress(TrainingProgress progress)
    {
        if (!progress.Skipped)
            _losses.Add(progress.Loss);
        if (progress.Step % _stepsPerPoint != 0 && progress.Step != progress.TotalSteps)
            return;
        _events.Scalars(progress.Step, Values(progress));
        _losses.Clear();
    }

    /// <inheritdoc/>
    public override void OnPreview(TrainingPreviewImages preview)
    {
        var (rows, columns) = ImageGrid.LayoutFor(preview.Images.Count);
        _events.Picture(preview.Step, "previews", ImageGrid.EncodePng(preview.Images, rows, columns));
    }

    /// <inheritdoc/>
    public override void OnRollback(TrainingRollback rollback)
    {
        _losses.Clear();
        _events.Restart(rollback.Step + 1);
    }

    /// <inheritdoc/>
    public void Dispose() => _events.Dispose();

    private IEnumerable<(string Tag, double Value)> Values(TrainingProgress progress)
    {
        if (_losses.Count > 0)
            yield return ("train/loss", _losses.Average());
        yield return ("train/learning_rate", progress.LearningRate);
        if (!progress.Skipped)
            yield return ("train/grad_norm", progress.GradNorm);
        if (progress.EmaDistance is { } distance)
            yield return ("train/ema_distance", distance);
        yield return ("train/skipped_steps", progress.SkippedSteps);
        if (progress.LossScale is { } scale)
            yield return ("train/loss_scale", scale);
        yield return ("speed/images_per_second", progress.ImagesPerSecond);
        yield return ("system/memory_mib", progress.MemoryBytes / (double)(1 << 20));
    }
}
