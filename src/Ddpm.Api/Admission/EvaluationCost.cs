using System.Globalization;
using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Admission;

/// <summary>What an evaluation costs, known before it begins.</summary>
/// <remarks>Feature networks, distances and neighbours are not counted.</remarks>
internal static class EvaluationCost
{
    /// <summary>Floating-point operations: pictures × calls of the network × operations of a call; null where a worker has still to work out the last.</summary>
    /// <param name="spec">With its steps filled in.</param>
    /// <param name="checkpoint">What is measured.</param>
    public static double? Of(EvaluationSpec spec, Checkpoint checkpoint) => (double)spec.Images * CallsOf(spec, checkpoint) * checkpoint.Operations;

    /// <summary>Refuses an evaluation that costs too much.</summary>
    /// <exception cref="RequestProblem">400, which names the field to lower.</exception>
    public static void Check(double? operations, EvaluationSpec spec, double? most)
    {
        if (most is not { } limit || !(operations > limit))
            return;
        var accepted = Math.Floor(spec.Images * limit / operations.Value);
        throw Faults.One("images", string.Create(
            CultureInfo.InvariantCulture,
            $"asks for {operations / 1e12:0.###} TFLOP, of which {limit / 1e12:0.###} are accepted in one request: ask for {(accepted >= EvaluationSpec.LeastImages ? $"at most {accepted}" : "fewer steps, terms or metrics")}"));
    }

    // Each term of the bound is one call; all other metrics share their samples.
    private static int CallsOf(EvaluationSpec spec, Checkpoint checkpoint)
    {
        var timesteps = SampleRules.TimestepsOf(checkpoint);
        var terms = spec.Metrics.Contains(MetricNames.BitsPerDim) ? Math.Min(spec.Terms ?? timesteps, timesteps) : 0;
        var drawing = spec.Metrics.Any(metric => metric != MetricNames.BitsPerDim) ? SamplingCost.CallsOf(spec.Sampler, spec.Steps ?? timesteps) : 0;
        return terms + drawing;
    }
}
