namespace Ddpm.Engine.Training;

/// <summary>How the decay of an average of weights comes to its highest.</summary>
public enum EmaRise
{
    /// <summary>(1 + s) / (10 + s) after s steps, up to the highest.</summary>
    Ramp,

    /// <summary>1 − (1 + s/γ)^(−power), up to the highest.</summary>
    Warmup,

    /// <summary>The highest from the second step on.</summary>
    Fixed,
}

/// <summary>The decay of an average of weights over a run, diffusers' <c>EMAModel.get_decay</c>. The average draws far better pictures than the weights themselves (Ho et al. 2020, appendix B);
/// it moves as the optimizer moves these: <see cref="AdamW"/>.</summary>
public sealed record EmaSchedule
{
    /// <summary>Highest decay, in [0, 1).</summary>
    public double Decay { get; init; } = 0.9999;

    /// <summary>Lowest decay once the average has begun.</summary>
    public double MinDecay { get; init; }

    /// <summary>Steps before the average begins; until then it equals the weights.</summary>
    public long UpdateAfterStep { get; init; }

    /// <summary>Use 1 − (1 + s / γ)^(−power) instead of (1 + s) / (10 + s).</summary>
    public bool UseEmaWarmup { get; init; }

    /// <summary>γ of the warm-up.</summary>
    public double InvGamma { get; init; } = 1;

    /// <summary>Exponent of the warm-up.</summary>
    public double Power { get; init; } = 2.0 / 3;

    /// <summary>The decay to use after so many optimizer steps: 0 at the first.</summary>
    public double DecayAt(long stepsTaken)
    {
        var step = stepsTaken - UpdateAfterStep - 1;
        if (step <= 0)
            return 0;
        var rising = UseEmaWarmup ? 1 - Math.Pow(1 + (step / InvGamma), -Power) : (1.0 + step) / (10 + step);
        return Math.Max(Math.Min(rising, Decay), MinDecay); // where they contradict each other, MinDecay holds, as in diffusers
    }
}
