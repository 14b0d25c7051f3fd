namespace Ddpm.Engine.Training;

/// <summary>How the learning rate moves over a run.</summary>
public static class LearningRate
{
    /// <summary>A linear rise from 0, then half a cosine down to 0: diffusers' <c>get_cosine_schedule_with_warmup</c>.</summary>
    /// <param name="step">Zero-based; the first step of a run with warm-up has rate 0.</param>
    /// <param name="highest">Reached when the warm-up ends.</param>
    /// <param name="warmupSteps">At least 0.</param>
    /// <param name="totalSteps">Where the rate is 0 again.</param>
    public static double CosineWithWarmup(long step, double highest, long warmupSteps, long totalSteps)
    {
        if (step < warmupSteps)
            return highest * step / Math.Max(1, warmupSteps);
        var progress = (double)(step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps);
        return highest * Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * progress)));
    }
}
