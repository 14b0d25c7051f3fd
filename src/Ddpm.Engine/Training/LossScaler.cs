namespace Ddpm.Engine.Training;

/// <summary>Keeps float16 gradients in range: the loss is multiplied by a scale that halves whenever a gradient overflows and doubles after 2,000 steps
/// without (Micikevicius et al. 2018, §3.2, with the constants of torch's <c>GradScaler</c>).</summary>
/// <param name="enabled">False for the types whose range needs none: the scale is then 1 and stays so.</param>
internal sealed class LossScaler(bool enabled)
{
    private const double Initial = 65536;
    private const double Growth = 2;
    private const double Backoff = 0.5;
    private const int GrowthInterval = 2000;
    private const double Least = 1; // an overflow without any scale is the network's

    /// <summary>What the loss is multiplied by, and gradients divided by.</summary>
    public double Scale { get; private set; } = enabled ? Initial : 1;

    /// <summary>Steps since the scale changed.</summary>
    public int GoodSteps { get; private set; }

    /// <summary>Whether an overflow may be the scale's fault, so that lowering it is the remedy.</summary>
    public bool CanBackOff => Scale > Least;

    /// <summary>After every step: whether its gradient was finite.</summary>
    public void Update(bool finite)
    {
        if (!enabled)
            return;
        GoodSteps = finite ? GoodSteps + 1 : 0;
        if (!finite)
            Scale = Math.Max(Least, Scale * Backoff);
        if (GoodSteps < GrowthInterval)
            return;
        (Scale, GoodSteps) = (Scale * Growth, 0);
    }

    /// <summary>Goes on from a checkpoint.</summary>
    /// <param name="scale">Null in checkpoints of runs that had none.</param>
    /// <param name="goodSteps">Steps since it changed.</param>
    public void Restore(double? scale, int goodSteps)
    {
        if (enabled)
            (Scale, GoodSteps) = (scale ?? Initial, goodSteps);
    }
}
