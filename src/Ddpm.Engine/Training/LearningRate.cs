namespace Ddpm.Engine.Training;

/// <summary>The shape of the learning rate after the warm-up.</summary>
public enum LearningRateSchedule
{
    /// <summary>Half a cosine down to 0.</summary>
    Cosine,

    /// <summary>A straight line down to 0.</summary>
    Linear,

    /// <summary>It stays.</summary>
    Constant,
}

/// <summary>How the learning rate moves over a run: a linear rise from 0, then one of <see cref="LearningRateSchedule"/>.</summary>
public static class LearningRate
{
    /// <summary>The rate of a step.</summary>
    /// <param name="schedule">The shape.</param>
    /// <param name="step">Zero-based; the first step of a run with warm-up has rate 0.</param>
    /// <param name="highest">Reached when the warm-up ends.</param>
    /// <param name="warmupSteps">At least 0.</param>
    /// <param name="totalSteps">Where the falling ones are 0.</param>
    public static double At(LearningRateSchedule schedule, long step, double highest, long warmupSteps, long totalSteps) => schedule switch
    {
        LearningRateSchedule.Cosine => CosineWithWarmup(step, highest, warmupSteps, totalSteps),
        LearningRateSchedule.Linear => LinearWithWarmup(step, highest, warmupSteps, totalSteps),
        _ => step < warmupSteps ? Rising(step, highest, warmupSteps) : highest, // diffusers' get_constant_schedule_with_warmup
    };

    /// <summary>A linear rise from 0, then half a cosine down to 0: diffusers' <c>get_cosine_schedule_with_warmup</c>. Parameters as of <see cref="At"/>.</summary>
    public static double CosineWithWarmup(long step, double highest, long warmupSteps, long totalSteps)
    {
        if (step < warmupSteps)
            return Rising(step, highest, warmupSteps);
        var progress = (double)(step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps);
        return highest * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }

    // diffusers' get_linear_schedule_with_warmup.
    private static double LinearWithWarmup(long step, double highest, long warmupSteps, long totalSteps) => step < warmupSteps
        ? Rising(step, highest, warmupSteps)
        : highest * Math.Max(0, (double)(totalSteps - step) / Math.Max(1, totalSteps - warmupSteps));

    private static double Rising(long step, double highest, long warmupSteps) => highest * step / Math.Max(1, warmupSteps);
}
