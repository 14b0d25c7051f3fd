using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>One network call of a run. With m the network's answer to (x, Timestep) and z fresh noise (of which a step has one draw, whatever it is used for):
/// <code>
/// x̃ = x + Churn·z
/// x̂₀ = Estimate.OriginalOfSample·x̃ + Estimate.OriginalOfOutput·m, then bounded where the plan says so
/// ε̂ = Estimate.EpsilonOfSample·x̃ + Estimate.EpsilonOfOutput·m
/// x' = Sample·x̃ + Original·x̂₀ + Epsilon·ε̂ + History1·h₁ + History2·h₂ + History3·h₃ + Noise·z
/// h' = Memory.Sample·x̃ + Memory.Original·x̂₀ + Memory.Epsilon·ε̂, which is h₁ at the next step
/// </code></summary>
/// <param name="Timestep">What the network is told; a fraction for Euler and Heun.</param>
/// <param name="SignalRate">√ᾱ at this step's level.</param>
/// <param name="NoiseRate">√(1 − ᾱ) at this step's level.</param>
/// <param name="Estimate">How x̂₀ and ε̂ follow from what the network predicts.</param>
public readonly record struct SamplingStep(double Timestep, double SignalRate, double NoiseRate, Estimate Estimate)
{
    /// <summary>Weight of the noise added after the network has been asked. Karras et al. 2022, algorithm 2.</summary>
    public double Churn { get; init; }

    /// <summary>Weight of x̃.</summary>
    public double Sample { get; init; }

    /// <summary>Weight of x̂₀.</summary>
    public double Original { get; init; }

    /// <summary>Weight of ε̂.</summary>
    public double Epsilon { get; init; }

    /// <summary>Weight of what the step before kept.</summary>
    public double History1 { get; init; }

    /// <summary>Weight of what the step before that kept.</summary>
    public double History2 { get; init; }

    /// <summary>Weight of what was kept three steps before.</summary>
    public double History3 { get; init; }

    /// <summary>Weight of fresh noise: its standard deviation; where the network learned the variance, a factor of the learned deviation.</summary>
    public double Noise { get; init; }

    /// <summary>What is kept for later steps; all zero for nothing.</summary>
    public Blend Memory { get; init; }

    /// <summary>The logarithms between which the network says the variance lies; null where it does not say.</summary>
    public (double Min, double Max)? LogVariance { get; init; }
}

/// <summary>A weighted sum of what a step knows.</summary>
/// <param name="Sample">Weight of x̃.</param>
/// <param name="Original">Weight of x̂₀.</param>
/// <param name="Epsilon">Weight of ε̂.</param>
public readonly record struct Blend(double Sample, double Original, double Epsilon);

/// <summary>x̂₀ and ε̂ as weighted sums of x and the network's output m. Salimans &amp; Ho 2022, appendix D.</summary>
/// <param name="OriginalOfSample">Weight of x in x̂₀.</param>
/// <param name="OriginalOfOutput">Weight of m in x̂₀.</param>
/// <param name="EpsilonOfSample">Weight of x in ε̂.</param>
/// <param name="EpsilonOfOutput">Weight of m in ε̂.</param>
public readonly record struct Estimate(double OriginalOfSample, double OriginalOfOutput, double EpsilonOfSample, double EpsilonOfOutput)
{
    /// <summary>At a level x = signalRate·x_0 + noiseRate·ε with signalRate² + noiseRate² = 1.</summary>
    /// <param name="type">What m is.</param>
    /// <param name="signalRate">√ᾱ; above 0 for <see cref="PredictionType.Epsilon"/>.</param>
    /// <param name="noiseRate">√(1 − ᾱ); above 0 for <see cref="PredictionType.Original"/>.</param>
    public static Estimate At(PredictionType type, double signalRate, double noiseRate) => type switch
    {
        PredictionType.Epsilon => new(1 / signalRate, -noiseRate / signalRate, 0, 1),
        PredictionType.Original => new(0, 1, 1 / noiseRate, -signalRate / noiseRate),
        _ => new(signalRate, -noiseRate, noiseRate, signalRate),
    };
}
