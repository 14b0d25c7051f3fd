namespace Ddpm.Engine.Evaluation;

/// <summary>How far an evaluation is.</summary>
/// <param name="Stage">What is being done, in a few words for people.</param>
/// <param name="Done">From 0 to <paramref name="Total"/>.</param>
/// <param name="Total">Above 0.</param>
public sealed record EvaluationProgress(string Stage, long Done, long Total)
{
    /// <summary>Share of the whole evaluation that is done, from 0 to 1; every stage counts alike.</summary>
    public double Fraction { get; init; }
}
