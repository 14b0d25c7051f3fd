using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Admission;

/// <summary>What an evaluation costs, known before it begins: a call of the network for each term of the bound on each picture, and what drawing its samples takes.</summary>
/// <remarks>Feature networks, distances and neighbours are not counted.</remarks>
/// <param name="spec">With its steps filled in.</param>
/// <param name="checkpoint">What is measured.</param>
/// <param name="dataset">By which.</param>
internal sealed class EvaluationCost(EvaluationSpec spec, Checkpoint checkpoint, Dataset dataset)
{
    private readonly double _terms = spec.Metrics.Contains(MetricNames.BitsPerDim) ? Math.Min(spec.Terms ?? int.MaxValue, SampleRules.TimestepsOf(checkpoint)) : 0;

    // All other metrics share their samples.
    private readonly double _drawing = spec.Metrics.Any(metric => metric != MetricNames.BitsPerDim) ? SamplingCost.CallsOf(spec.Sampler, spec.Steps ?? SampleRules.TimestepsOf(checkpoint)) : 0;

    /// <summary>Floating-point operations; null where a worker has still to work out those of a call.</summary>
    public double? Operations => CallsFor(spec.Images) * checkpoint.Operations;

    /// <summary>Refuses an evaluation that costs too much.</summary>
    /// <exception cref="RequestProblem">400, which names the field to lower.</exception>
    public void Check(double? most)
    {
        if (most is not { } limit || !(Operations > limit))
            return;
        var accepted = CostLimit.MostWithin(spec.Images, limit, images => CallsFor(images) * checkpoint.Operations!.Value);
        throw CostLimit.Refusal("images", "", Operations.Value, limit, $"ask for {(accepted >= EvaluationSpec.LeastImages ? $"at most {accepted}" : "fewer steps, terms or metrics")}");
    }

    // More pictures than the dataset has are drawn, and not bounded.
    private double CallsFor(long images) => (Math.Min(images, dataset.ImageCount) * _terms) + (images * _drawing);
}
