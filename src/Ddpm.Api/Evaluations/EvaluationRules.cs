using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Evaluations;

/// <summary>Checks of an evaluation request that no single field can show.</summary>
internal static class EvaluationRules
{
    private const int LeastFeatureSize = 32;

    /// <summary>What can be checked before the model is known.</summary>
    public static void Check(CreateEvaluation request, Dataset? dataset, Faults faults)
    {
        if (dataset is null)
            faults.Add("datasetId", $"names no dataset; make one with POST /datasets, or see GET /datasets. There is none with the id {request.DatasetId}");
        foreach (var (index, metric) in request.Metrics.Index())
        {
            if (!MetricNames.All.Contains(metric))
                faults.Add($"metrics[{index}]", $"must be {string.Join(", ", MetricNames.All.SkipLast(1))} or {MetricNames.All[^1]}; it is {metric}");
            else if (request.Metrics.Take(index).Contains(metric))
                faults.Add($"metrics[{index}]", $"is {metric} again; each may come once");
        }

        CheckFeatures(request, faults);
        SampleRules.Check(request.Samples(), faults);
    }

    /// <summary>The request with its sampler and steps filled in.</summary>
    /// <exception cref="RequestProblem">Model and dataset do not fit each other, or the model has fewer timesteps.</exception>
    public static EvaluationSpec SpecFor(CreateEvaluation request, Checkpoint checkpoint, Dataset dataset)
    {
        if ((dataset.Spec.Resolution, dataset.Spec.Channels) != (checkpoint.Resolution, checkpoint.Channels))
        {
            throw Faults.One("datasetId", $"must name a dataset of the model's size: the model draws {checkpoint.Resolution}×{checkpoint.Resolution} pixels and {checkpoint.Channels} channels, "
                + $"the dataset '{dataset.Name}' has {dataset.Spec.Resolution}×{dataset.Spec.Resolution} and {dataset.Spec.Channels}. Make one with the resolution {checkpoint.Resolution}");
        }

        var samples = SampleRules.SpecFor(request.Samples(), checkpoint);
        return request.Alone() with { Sampler = samples.Sampler, Steps = samples.Steps };
    }

    private static void CheckFeatures(CreateEvaluation request, Faults faults)
    {
        var needed = request.Metrics.Any(metric => metric is MetricNames.Fid or MetricNames.Kid);
        if (needed && request.Features is null)
            faults.Add("features", "is required for fid and kid: the feature network that they are distances of, by its file's name");
        if (!needed && request.Features is not null)
            faults.Add("features", "belongs to the metrics fid and kid; leave it out, or add one of them to metrics");
        if (request.Features is { Size: > 0 and < LeastFeatureSize } features)
            faults.Add("features.size", $"must be from {LeastFeatureSize} to 1024, or 0 for the pictures' own; it is {features.Size}");
    }
}
