using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>The model whose likelihood is bounded: what the network's output means, and how wide its reverse steps are.</summary>
public sealed record BoundConfig
{
    /// <summary>What the network predicts.</summary>
    public PredictionType Prediction { get; init; }

    /// <summary>How wide.</summary>
    public ReverseVariance Variance { get; init; }

    /// <summary>x̂₀ is clipped to ± this; null where it is not.</summary>
    public double? ClipRange { get; init; } = 1;

    /// <summary>How the decoder's bins are integrated.</summary>
    public NormalCdf Cdf { get; init; }

    /// <summary>The model as its noise schedule's file describes it.</summary>
    /// <exception cref="EvaluationException">Its reverse steps have no known density.</exception>
    public static BoundConfig From(NoiseScheduleConfig schedule)
    {
        if (schedule.Thresholding)
            throw new EvaluationException("thresholding is true: x̂₀ is bounded by its own values then, for which bits per dimension are not defined here.");
        return new BoundConfig
        {
            Prediction = schedule.Prediction,
            Variance = VarianceOf(schedule.VarianceType),
            ClipRange = schedule.ClipSample ?? true ? schedule.ClipSampleRange : null,
        };
    }

    private static ReverseVariance VarianceOf(string type) => type switch
    {
        "fixed_small" or "fixed_small_log" => ReverseVariance.FixedSmall,
        "fixed_large" or "fixed_large_log" => ReverseVariance.FixedLarge,
        "learned_range" => ReverseVariance.LearnedRange,
        _ => throw new EvaluationException($"variance_type is '{type}', for which bits per dimension are not defined here; fixed_small, fixed_large and learned_range are supported."),
    };
}
