using Ddpm.Engine.Checkpoints;

namespace Ddpm.Engine.Training;

/// <summary>How far the training run was that wrote a checkpoint.</summary>
/// <param name="Step">Optimizer steps taken.</param>
/// <param name="Epoch">Passes over the pictures, a fraction.</param>
/// <param name="Loss">Mean of the newest losses; null where none is recorded.</param>
/// <param name="Seed">The run's seed.</param>
/// <param name="DatasetSha256">Of the pixels it was trained on.</param>
/// <param name="Ema">Whether <c>unet/</c> holds an average of the weights (the trained weights lie in <c>training/</c>), not the trained weights themselves.</param>
public sealed record CheckpointSummary(long Step, double Epoch, double? Loss, ulong Seed, string DatasetSha256, bool Ema)
{
    /// <summary>Reads only the mean of the newest losses from a checkpoint's folder.</summary>
    /// <returns>Null where none is recorded.</returns>
    /// <exception cref="CheckpointException">The folder holds no checkpoint, or an unsound one.</exception>
    public static double? ReadLoss(string folder) => MeanLoss(TrainingCheckpoint.ReadState(Path.Combine(folder, "training", TrainingCheckpoint.StateFile)));

    /// <summary>Reads it from a checkpoint's folder.</summary>
    /// <returns>Null for a model folder, which has no <c>training/</c>.</returns>
    /// <exception cref="CheckpointException">It is unsound.</exception>
    public static CheckpointSummary? Read(string folder)
    {
        var file = Path.Combine(folder, "training", TrainingCheckpoint.StateFile);
        if (!File.Exists(file))
            return null;
        var state = TrainingCheckpoint.ReadState(file);
        return new(state.Step, state.Epoch, MeanLoss(state), state.Seed, state.DatasetSha256, DiffusersFolder.Open(folder).WeightsSha256() != state.RawWeightsSha256);
    }

    private static double? MeanLoss(TrainingCheckpoint.State state) => state.RecentLosses.Count > 0 ? state.RecentLosses.Average() : null;
}
