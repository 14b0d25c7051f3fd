namespace Ddpm.Engine.Training;

/// <summary>Several observers as one; each hears in turn, and where one throws, those after it hear nothing.</summary>
/// <param name="observers">Borrowed.</param>
public sealed class TrainingObservers(params IReadOnlyList<TrainingObserver> observers) : TrainingObserver
{
    /// <inheritdoc/>
    public override void OnProgress(TrainingProgress progress) => Tell(observer => observer.OnProgress(progress));

    /// <inheritdoc/>
    public override void OnPreview(TrainingPreviewImages preview) => Tell(observer => observer.OnPreview(preview));

    /// <inheritdoc/>
    public override void OnCheckpointDue(long bytes, bool isLast) => Tell(observer => observer.OnCheckpointDue(bytes, isLast));

    /// <inheritdoc/>
    public override void OnCheckpoint(CheckpointInfo checkpoint) => Tell(observer => observer.OnCheckpoint(checkpoint));

    /// <inheritdoc/>
    public override void OnRollback(TrainingRollback rollback) => Tell(observer => observer.OnRollback(rollback));

    private void Tell(Action<TrainingObserver> tell)
    {
        foreach (var observer in observers)
            tell(observer);
    }
}
