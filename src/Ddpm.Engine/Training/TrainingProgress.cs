using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Training;

/// <summary>One optimizer step, as it was.</summary>
/// <param name="Step">From 1.</param>
/// <param name="TotalSteps">Of the whole run.</param>
/// <param name="Epoch">Passes over the dataset, fractional.</param>
/// <param name="Loss">Of this step.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="GradNorm">L2, before clipping.</param>
/// <param name="ImagesPerSecond">Over the latest steps, without the time of previews and checkpoints.</param>
/// <param name="Remaining">At that speed; null until it is known.</param>
public sealed record TrainingProgress(
    long Step, long TotalSteps, double Epoch, double Loss, double LearningRate, double GradNorm, double ImagesPerSecond, TimeSpan? Remaining);

/// <summary>Pictures drawn with the averaged weights, of the same seed at every preview.</summary>
/// <param name="Step">After so many steps.</param>
/// <param name="Epoch">Passes over the dataset, fractional.</param>
/// <param name="Images">The pictures.</param>
public sealed record TrainingPreviewImages(long Step, double Epoch, PixelBatch Images);

/// <summary>A checkpoint that has been written and renamed into place.</summary>
/// <param name="Folder">Where it is.</param>
/// <param name="Step">After so many steps.</param>
/// <param name="Epoch">Passes over the dataset, fractional.</param>
/// <param name="Loss">Mean over the latest steps.</param>
/// <param name="Sha256">Of the file of weights, hexadecimal.</param>
/// <param name="Bytes">Of all files.</param>
/// <param name="Parameters">Of the network.</param>
/// <param name="Ema">Whether <c>unet/</c> holds the average.</param>
public sealed record CheckpointInfo(string Folder, long Step, double Epoch, double Loss, string Sha256, long Bytes, long Parameters, bool Ema);

/// <summary>How a call of <see cref="Trainer.Run"/> ended.</summary>
/// <param name="Completed">False where it was cancelled first.</param>
/// <param name="Step">Steps done in all.</param>
/// <param name="Checkpoint">The newest checkpoint; null where no step was taken.</param>
public sealed record TrainingResult(bool Completed, long Step, CheckpointInfo? Checkpoint);

/// <summary>Hears of a run from the thread that trains: whatever takes long here holds it up.</summary>
public abstract class TrainingObserver
{
    /// <summary>After every step.</summary>
    public virtual void OnProgress(TrainingProgress progress)
    {
    }

    /// <summary>After every preview.</summary>
    public virtual void OnPreview(TrainingPreviewImages preview)
    {
    }

    /// <summary>After every checkpoint.</summary>
    public virtual void OnCheckpoint(CheckpointInfo checkpoint)
    {
    }
}

/// <summary>Training cannot go on. The message is for the person whose run it is.</summary>
public sealed class TrainingException(string message) : Exception(message);
