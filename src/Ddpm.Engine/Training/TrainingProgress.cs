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
    long Step, long TotalSteps, double Epoch, double Loss, double LearningRate, double GradNorm, double ImagesPerSecond, TimeSpan? Remaining)
{
    /// <summary>Whether it was left out, its loss or gradient not being finite: then nothing moved.</summary>
    public bool Skipped { get; init; }

    /// <summary>Steps left out in the whole run.</summary>
    public long SkippedSteps { get; init; }

    /// <summary>How far the average is from the weights, as a share of the weights' L2 norm, at the latest of every tenth step; null where there is no average.</summary>
    public double? EmaDistance { get; init; }

    /// <summary>Bytes of RAM that the process holds; the memory of a GPU is not counted.</summary>
    public long MemoryBytes { get; init; }

    /// <summary>What the loss was multiplied by; null but in float16.</summary>
    public double? LossScale { get; init; }
}

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

/// <summary>The run has gone back: what was reported of later steps no longer holds.</summary>
/// <param name="FromStep">The step it had come to.</param>
/// <param name="Step">The step it goes on from: that of its newest checkpoint, or 0.</param>
/// <param name="RateFactor">What the learning rate is multiplied by from now on.</param>
public sealed record TrainingRollback(long FromStep, long Step, double RateFactor);

/// <summary>How a call of <see cref="Trainer.Run"/> ended.</summary>
/// <param name="Completed">False where it was cancelled first.</param>
/// <param name="Step">Steps done in all, all of them saved.</param>
/// <param name="Checkpoint">The newest checkpoint; null where no step was taken.</param>
public sealed record TrainingResult(bool Completed, long Step, CheckpointInfo? Checkpoint)
{
    /// <summary>Whether it completed because <see cref="TrainingConfig.MaxDuration"/> was over, short of its steps.</summary>
    public bool TimeIsUp { get; init; }
}

/// <summary>Hears of a run from the thread that trains: whatever takes long here holds it up.</summary>
public abstract class TrainingObserver
{
    /// <summary>After every step, also one that was left out.</summary>
    public virtual void OnProgress(TrainingProgress progress)
    {
    }

    /// <summary>After every preview.</summary>
    public virtual void OnPreview(TrainingPreviewImages preview)
    {
    }

    /// <summary>After the run has gone back.</summary>
    public virtual void OnRollback(TrainingRollback rollback)
    {
    }

    /// <summary>Before a checkpoint is written. What it throws ends the run with nothing written; what was written before stays.</summary>
    /// <param name="bytes">What it will take, about.</param>
    /// <param name="isLast">Whether the run ends with it.</param>
    public virtual void OnCheckpointDue(long bytes, bool isLast)
    {
    }

    /// <summary>After every checkpoint.</summary>
    public virtual void OnCheckpoint(CheckpointInfo checkpoint)
    {
    }
}

/// <summary>Training cannot go on. The message is for the person whose run it is.</summary>
public sealed class TrainingException(string message) : Exception(message);
