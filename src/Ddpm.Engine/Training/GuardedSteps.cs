using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The gradient of a step that has not been taken yet.</summary>
/// <param name="Loss">The mean over its passes.</param>
/// <param name="Norm">Of the gradient, before it is clipped.</param>
/// <param name="Images">Pictures seen.</param>
/// <param name="LossScale">That it was computed with.</param>
internal sealed record StepGradient(double Loss, double Norm, int Images, double LossScale)
{
    public bool IsFinite => double.IsFinite(Loss) && double.IsFinite(Norm);
}

/// <summary>Takes the steps of a run, or leaves them out: those whose loss or gradient is not finite move neither weights nor average.</summary>
/// <param name="config">How to train.</param>
/// <param name="optimizer">Moves the weights. Owned.</param>
/// <param name="gradient">Computes what moves them. Owned.</param>
internal sealed class GuardedSteps(TrainingConfig config, AdamW optimizer, GradientStep gradient) : IDisposable
{
    private readonly LossScaler _scaler = new(config.Precision == TrainingPrecision.Float16);

    /// <summary>Moves the weights.</summary>
    public AdamW Optimizer => optimizer;

    /// <summary>Counts what is left out.</summary>
    public StepGuard Guard { get; } = new(config);

    /// <summary>Losses of the latest steps that were taken.</summary>
    public RecentMean RecentLoss { get; private set; } = NoLosses;

    private static RecentMean NoLosses => new(100);

    /// <summary>The learning rate of a step.</summary>
    public double Rate(long step) =>
        LearningRate.At(config.LearningRateSchedule, step, config.LearningRate, config.WarmupSteps, config.TotalSteps) * Guard.RateFactor;

    /// <summary>What a step would do; null where it was cancelled: then nothing has changed.</summary>
    public StepGradient? Gradient(long step, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        if (gradient.Compute(step, _scaler.Scale, cancellationToken) is var (loss, images))
            return new StepGradient(loss, optimizer.ClipGradients(config.MaxGradNorm), images, _scaler.Scale);
        optimizer.ForgetGradients();
        return null;
    }

    /// <summary>Takes the step, or leaves it out.</summary>
    /// <param name="step">Whose gradient was computed last.</param>
    /// <param name="computed">That gradient.</param>
    public void Move(long step, StepGradient computed)
    {
        using var scope = NewDisposeScope();
        if (computed.IsFinite)
        {
            optimizer.Step(Rate(step), averageShare: 1 - config.EmaSchedule.DecayAt(optimizer.StepsTaken + 1));
            RecentLoss.Add(computed.Loss);
            Guard.Taken();
        }
        else
        {
            optimizer.ForgetGradients();
            Guard.LeftOut(mended: double.IsFinite(computed.Loss) && _scaler.CanBackOff);
        }

        _scaler.Update(computed.IsFinite);
    }

    /// <summary>Says in a checkpoint's state what was counted here.</summary>
    public TrainingCheckpoint.State AddTo(TrainingCheckpoint.State state) => state with
    {
        OptimizerSteps = optimizer.StepsTaken,
        SkippedSteps = Guard.Skipped,
        Rollbacks = Guard.Rollbacks,
        RateFactor = Guard.RateFactor,
        LossScale = config.Precision == TrainingPrecision.Float16 ? _scaler.Scale : null,
        LossScaleGoodSteps = _scaler.GoodSteps,
    };

    /// <summary>Goes on from a checkpoint, but for what the guard has counted, which stays where a run goes back.</summary>
    public void Restore(TrainingCheckpoint.State state)
    {
        _scaler.Restore(state.LossScale, state.LossScaleGoodSteps);
        RecentLoss = NoLosses;
        foreach (var loss in state.RecentLosses)
            RecentLoss.Add(loss);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        gradient.Dispose();
        optimizer.Dispose();
    }
}
