namespace Ddpm.Engine.Evaluation;

/// <summary>A number that was estimated from a sample.</summary>
/// <param name="Value">The estimate.</param>
/// <param name="StandardError">Standard deviation of the estimate over repetitions with other samples; NaN where one observation cannot tell.</param>
public readonly record struct Estimate(double Value, double StandardError)
{
    /// <summary>The mean of independent observations, with s/√n.</summary>
    /// <param name="observations">At least one.</param>
    public static Estimate OfMean(IReadOnlyCollection<double> observations)
    {
        ArgumentOutOfRangeException.ThrowIfZero(observations.Count, nameof(observations));
        var mean = observations.Average();
        var variance = observations.Sum(value => (value - mean) * (value - mean)) / (observations.Count - 1);
        return new(mean, Math.Sqrt(variance / observations.Count));
    }
}
