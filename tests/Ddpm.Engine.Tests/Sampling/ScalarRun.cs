using Ddpm.Engine.Sampling;

namespace Ddpm.Engine.Tests.Sampling;

/// <summary>A run over one number in double precision, where the order of a method shows that float32 would hide.</summary>
internal static class ScalarRun
{
    /// <param name="plan">A table without bound.</param>
    /// <param name="start">x_T.</param>
    /// <param name="network">What it predicts at (x, row).</param>
    /// <param name="noise">One for each step; none where the table adds none.</param>
    public static double Through(SamplingPlan plan, double start, Func<double, SamplingStep, double> network, ReadOnlySpan<float> noise = default)
    {
        var (x, history) = (start, new double[3]);
        for (var index = 0; index < plan.Steps.Count; index++)
        {
            var step = plan.Steps[index];
            Assert.Equal(0, step.Churn);
            var output = network(x, step);
            var original = (step.Estimate.OriginalOfSample * x) + (step.Estimate.OriginalOfOutput * output);
            var epsilon = (step.Estimate.EpsilonOfSample * x) + (step.Estimate.EpsilonOfOutput * output);
            var kept = (step.Memory.Sample * x) + (step.Memory.Original * original) + (step.Memory.Epsilon * epsilon);
            x = (step.Sample * x) + (step.Original * original) + (step.Epsilon * epsilon)
                + (step.History1 * history[0]) + (step.History2 * history[1]) + (step.History3 * history[2])
                + (noise.IsEmpty ? 0 : step.Noise * noise[index]);
            history = [kept, history[0], history[1]];
        }

        return x;
    }
}
