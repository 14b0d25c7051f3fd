namespace Ddpm.Engine.Training;

/// <summary>Counts steps whose loss or gradient is not finite, and says when the run must go back. None of them reaches the weights or their average.</summary>
/// <param name="config">Says how many in a row are borne, and how often the run may go back.</param>
internal sealed class StepGuard(TrainingConfig config)
{
    private const double SlowDown = 0.5;

    /// <summary>Steps left out in the whole run.</summary>
    public long Skipped { get; private set; }

    /// <summary>Of them, the latest without one between that was taken; overflows that a lower loss scale can mend do not count.</summary>
    public int InARow { get; private set; }

    /// <summary>How often the run has gone back to a checkpoint.</summary>
    public int Rollbacks { get; private set; }

    /// <summary>What the learning rate is multiplied by: halved at every return.</summary>
    public double RateFactor { get; private set; } = 1;

    /// <summary>Whether so many steps have been left out that the run must go back.</summary>
    public bool MustGoBack => InARow >= config.SkippedStepsBeforeRollback;

    /// <summary>A step was taken.</summary>
    public void Taken() => InARow = 0;

    /// <summary>A step was left out.</summary>
    /// <param name="mended">Whether a lower loss scale is the remedy, as float16 needs now and then.</param>
    public void LeftOut(bool mended)
    {
        Skipped++;
        if (!mended)
            InARow++;
    }

    /// <summary>The run is about to go back.</summary>
    /// <param name="step">From 1: the last one that was left out.</param>
    /// <exception cref="TrainingException">It has gone back too often already.</exception>
    public void GoBack(long step)
    {
        if (Rollbacks >= config.MaxRollbacks)
            throw Diverged(step, config, Rollbacks > 0 ? $", also after going back {Rollbacks} times, each time with half the learning rate" : "");
        Rollbacks++;
        RateFactor *= SlowDown;
        InARow = 0;
    }

    /// <summary>Goes on from a checkpoint.</summary>
    public void Restore(long skipped, int rollbacks, double rateFactor) => (Skipped, Rollbacks, RateFactor, InARow) = (skipped, rollbacks, rateFactor, 0);

    /// <summary>What a run ends with that cannot be saved.</summary>
    public static TrainingException Diverged(long step, TrainingConfig config, string remark = "") => new(FormattableString.Invariant(
        $"The loss or its gradient stopped being finite at step {step}{remark}. Begin a new run with a lower learning rate (it is {config.LearningRate}) or a longer warm-up (it is {config.WarmupSteps} steps)."));
}
