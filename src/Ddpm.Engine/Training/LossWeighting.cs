using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Training;

/// <summary>How much the loss of each timestep counts.</summary>
public enum LossWeightingKind
{
    /// <summary>All alike: L_simple. Ho et al. 2020, eq. 14.</summary>
    Uniform,

    /// <summary>min(SNR, γ) on x̂₀: timesteps with little noise, which are easy, do not outweigh the others. Hang et al. 2023.</summary>
    MinSnr,

    /// <summary>1/(k + SNR)^γ on ε̂: timesteps at which content forms count more than those that clean up. Choi et al. 2022.</summary>
    P2,
}

/// <summary>A choice of <see cref="LossWeightingKind"/> with its constants.</summary>
public sealed record LossWeighting
{
    /// <summary>Which.</summary>
    public LossWeightingKind Kind { get; init; }

    /// <summary>γ of min-SNR: the signal-to-noise ratio from which timesteps count alike. Above 0; the article's is 5.</summary>
    public double MinSnrGamma { get; init; } = 5;

    /// <summary>k of P2. Above 0; the article's is 1.</summary>
    public double P2K { get; init; } = 1;

    /// <summary>γ of P2: 0 for no weighting. At least 0; the article's are 0.5 and 1.</summary>
    public double P2Gamma { get; init; } = 1;

    /// <summary>The factor of each timestep's squared error in what the network predicts.</summary>
    /// <param name="schedule">Supplies SNR = ᾱ/(1 − ᾱ), which may be 0 at the end.</param>
    /// <param name="predictionType">What the network predicts. Both weightings are defined on one error (x̂₀'s and ε̂'s) and carried
    /// over, so that the objective is the same whatever the network predicts: (x_0 − x̂₀)² = (ε − ε̂)²/SNR = (v − v̂)²/(SNR + 1).</param>
    /// <returns>A number of at least 0 for each timestep; null where all count alike.</returns>
    public IReadOnlyList<double>? Factors(NoiseSchedule schedule, PredictionType predictionType) => Kind switch
    {
        LossWeightingKind.MinSnr => [.. Ratios(schedule).Select(snr => MinSnr(snr, predictionType))],
        LossWeightingKind.P2 => [.. Ratios(schedule).Select(snr => P2(snr, predictionType))],
        _ => null,
    };

    private static IEnumerable<double> Ratios(NoiseSchedule schedule) => schedule.AlphasCumprod.Select(alphaCumprod => alphaCumprod / (1 - alphaCumprod));

    private double MinSnr(double snr, PredictionType predictionType) => predictionType switch
    {
        PredictionType.Epsilon => Math.Min(1, MinSnrGamma / snr), // min(SNR, γ)/SNR, which is 1 where there is no signal at all
        PredictionType.Original => Math.Min(snr, MinSnrGamma),
        _ => Math.Min(snr, MinSnrGamma) / (snr + 1),
    };

    private double P2(double snr, PredictionType predictionType) => Math.Pow(P2K + snr, -P2Gamma) * predictionType switch
    {
        PredictionType.Epsilon => 1,
        PredictionType.Original => snr,
        _ => snr / (snr + 1),
    };
}
