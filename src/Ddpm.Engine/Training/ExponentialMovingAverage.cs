using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>A slow copy of the weights, which draws far better pictures than the weights themselves (Ho et al. 2020, appendix B).</summary>
public sealed class ExponentialMovingAverage
{
    private readonly List<(Tensor Average, Tensor Source)> _pairs;
    private readonly EmaSchedule _schedule;

    /// <param name="average">Holds the average; equal to <paramref name="source"/> at the start of a run. Borrowed.</param>
    /// <param name="source">The network that is trained. Borrowed.</param>
    /// <param name="schedule">How fast the average follows.</param>
    public ExponentialMovingAverage(UNet average, UNet source, EmaSchedule schedule)
    {
        _schedule = schedule;
        var sources = source.state_dict();
        _pairs = [.. average.state_dict().Select(pair => (pair.Value, sources[pair.Key]))];
    }

    /// <summary>Moves the average towards the weights: avg ← avg − (1 − decay)·(avg − weights).</summary>
    /// <param name="stepsTaken">Optimizer steps taken, this one included.</param>
    public void Update(long stepsTaken)
    {
        using var noGradients = no_grad();
        var weight = 1 - _schedule.DecayAt(stepsTaken);
        foreach (var (average, source) in _pairs)
            average.lerp_(source, weight);
    }
}

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

/// <summary>The decay of an average over a run: diffusers' <c>EMAModel.get_decay</c>.</summary>
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
