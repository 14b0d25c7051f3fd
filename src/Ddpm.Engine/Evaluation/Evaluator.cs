using Ddpm.Engine.Data;
using Ddpm.Engine.Evaluation.Features;
using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Evaluation.Memorisation;
using Ddpm.Engine.Evaluation.Wasserstein;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation;

/// <summary>Measures a model against a dataset: draws what the metrics need once, then each metric in turn.</summary>
public sealed class Evaluator : IProgress<EvaluationProgress>
{
    private const int LeastImages = 4;
    private const int MostImages = 100_000;
    private const int SamplesAtOnce = 512;
    private const string SlicedStage = "sliced Wasserstein";
    private const ulong LabelStream = 0x6C6162656C; // "label"

    private static readonly string[] FeatureStages = ["features of the dataset", "features of the samples", "distances of features"];

    private readonly DiffusionModel _model;
    private readonly ImageDataset _dataset;
    private readonly EvaluationRequest _request;
    private readonly IProgress<EvaluationProgress>? _progress;
    private readonly CancellationToken _cancellationToken;
    private readonly List<string> _stages;

    private Evaluator(DiffusionModel model, ImageDataset dataset, EvaluationRequest request, IProgress<EvaluationProgress>? progress, CancellationToken cancellationToken) =>
        (_model, _dataset, _request, _progress, _cancellationToken, _stages) = (model, dataset, request, progress, cancellationToken, Stages(request));

    /// <summary>Measures. Synchronous; on a CPU helper threads do most of the work.</summary>
    /// <param name="model">Borrowed.</param>
    /// <param name="dataset">Pictures of the model's size. Borrowed.</param>
    /// <param name="request">What, and how.</param>
    /// <param name="progress">Told of each stage, from 0 to its end, and from several threads.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <exception cref="EvaluationException">Model, dataset and request do not fit each other.</exception>
    /// <exception cref="SamplingException">The samples cannot be drawn.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static EvaluationReport Run(
        DiffusionModel model, ImageDataset dataset, EvaluationRequest request, IProgress<EvaluationProgress>? progress, CancellationToken cancellationToken)
    {
        Check(model, dataset, request);
        set_num_threads(request.Threads ?? TorchRuntime.Threads); // of this thread: features, projections, eigenvalues
        return new Evaluator(model, dataset, request, progress, cancellationToken).Run();
    }

    /// <summary>Says whether an evaluation can begin, before anything is computed.</summary>
    /// <exception cref="EvaluationException">It cannot.</exception>
    public static void Check(DiffusionModel model, ImageDataset dataset, EvaluationRequest request)
    {
        if (request.Metrics.Count == 0)
            throw new EvaluationException($"No metric is asked for; there are {string.Join(", ", EvaluationMetrics.Names)}.");
        if ((dataset.Channels, dataset.Height, dataset.Width) != (model.Network.InChannels, model.Side, model.Side))
            throw new EvaluationException(
                $"The model draws pictures of {model.Side}×{model.Side} pixels and {model.Network.InChannels} channels, those of the dataset have {dataset.Width}×{dataset.Height} and {dataset.Channels}: "
                + $"make a dataset with the resolution {model.Side}.");
        if (request.Images is < LeastImages or > MostImages)
            throw new EvaluationException($"{request.Images} images are asked for; {LeastImages} to {MostImages} are accepted.");
        if (request.ReferenceImages < LeastImages || dataset.Count < LeastImages)
            throw new EvaluationException($"At least {LeastImages} pictures of the dataset are needed; it has {dataset.Count}.");
        if (request.Features is null && (request.Metrics.Contains(EvaluationMetric.Fid) || request.Metrics.Contains(EvaluationMetric.Kid)))
            throw new EvaluationException("FID and KID are distances of features: they need a feature network, a TorchScript file.");
        if (request.Metrics.Contains(EvaluationMetric.BitsPerDimension))
            BitsPerDimension.Check(model);
        _ = ModelLabels.Of(model, dataset, Enumerable.Range(0, dataset.Count));
    }

    /// <summary>What drawing samples takes of memory at its height, beside the model, all of them kept: an estimate. What metrics take besides is not known beforehand.</summary>
    /// <exception cref="SamplingException">The sampler does not fit the model.</exception>
    public static SamplingMemory MemoryFor(DiffusionModel model, EvaluationRequest request)
    {
        if (!NeedsSamples(request))
            return new(0, 0);
        var drawn = model.MemoryFor(new SampleRequest { Count = Math.Min(SamplesAtOnce, request.Images), Sampler = request.Sampler }, trajectory: false);
        return drawn with { HostBytes = drawn.HostBytes + (request.Images * BytesOfSample(model)) };
    }

    private static long BytesOfSample(DiffusionModel model) => (long)model.Network.InChannels * model.Side * model.Side;

    private static bool NeedsSamples(EvaluationRequest request) => request.Metrics.Any(metric => metric != EvaluationMetric.BitsPerDimension);

    void IProgress<EvaluationProgress>.Report(EvaluationProgress value) => Report(value);

    private void Report(EvaluationProgress value) =>
        _progress?.Report(value with { Fraction = (_stages.IndexOf(value.Stage) + ((double)value.Done / value.Total)) / _stages.Count });

    private static List<string> Stages(EvaluationRequest request) =>
    [
        .. request.Metrics.Contains(EvaluationMetric.BitsPerDimension) ? [BitsPerDimension.Stage] : Array.Empty<string>(),
        .. NeedsSamples(request) ? ["drawing"] : Array.Empty<string>(),
        .. request.Metrics.Contains(EvaluationMetric.SlicedWasserstein) ? [SlicedStage] : Array.Empty<string>(),
        .. request.Metrics.Contains(EvaluationMetric.Fid) || request.Metrics.Contains(EvaluationMetric.Kid) ? FeatureStages : [],
        .. request.Metrics.Contains(EvaluationMetric.Nearest) ? [MemorisationCheck.Stage] : Array.Empty<string>(),
    ];

    private EvaluationReport Run()
    {
        var report = new EvaluationReport();
        if (Asks(EvaluationMetric.BitsPerDimension))
            report = report with { BitsPerDimension = MeasureBitsPerDimension() };
        if (!NeedsSamples(_request))
            return report;

        var samples = Draw();
        report = report with { Samples = samples };
        if (Asks(EvaluationMetric.SlicedWasserstein))
            report = MeasureSlicedWasserstein(report, samples);
        if (Asks(EvaluationMetric.Fid) || Asks(EvaluationMetric.Kid))
            report = report with { Features = MeasureFeatures(samples) };
        if (Asks(EvaluationMetric.Nearest))
        {
            var result = MemorisationCheck.Measure(samples, _dataset, _request.Rows, _request.Neighbours, _request.Seed, this, _cancellationToken);
            report = report with { Memorisation = result, NearestGrid = MemorisationCheck.EncodeGrid(result, samples, _dataset) };
        }

        return report;
    }

    private bool Asks(EvaluationMetric metric) => _request.Metrics.Contains(metric);

    private void Report(string stage, long done, long total) => Report(new EvaluationProgress(stage, done, total));

    private BitsPerDimensionResult MeasureBitsPerDimension() => BitsPerDimension.Measure(
        _model, _dataset, new() { Images = _request.Images, Timesteps = _request.Timesteps, Seed = _request.Seed, Threads = _request.Threads }, this, _cancellationToken);

    private PixelBatch Draw()
    {
        var bytes = BytesOfSample(_model);
        if (bytes * _request.Images > Array.MaxLength)
            throw new EvaluationException($"{_request.Images} pictures of {_model.Side}×{_model.Side} pixels do not fit into memory at once; ask for fewer.");
        var pixels = new byte[bytes * _request.Images];
        for (var first = 0; first < _request.Images; first += SamplesAtOnce)
        {
            var count = Math.Min(SamplesAtOnce, _request.Images - first);
            var samples = new SampleRequest { Count = count, FirstImage = first, Seed = _request.Seed, Sampler = _request.Sampler, Threads = _request.Threads, ClassLabels = LabelsToDraw(first, count) };
            using var room = _request.TakeRoom?.Invoke(MemoryFor(_model, _request));
            var drawn = _model.Sample(samples, new Drawing(this, first, count), _cancellationToken);
            drawn.Pixels.CopyTo(pixels, first * bytes);
        }

        return new PixelBatch(pixels, _request.Images, _model.Network.InChannels, _model.Side, _model.Side);
    }

    // Classes come as often as in the dataset.
    private int[]? LabelsToDraw(int first, int count)
    {
        var random = new CounterRandom(_request.Seed, LabelStream);
        return ModelLabels.Of(_model, _dataset, Enumerable.Range(first, count).Select(n => random.Below((ulong)n, _dataset.Count)));
    }

    // The dataset's pictures are drawn twice as many at once, so that the halves share none.
    private EvaluationReport MeasureSlicedWasserstein(EvaluationReport report, PixelBatch samples)
    {
        var count = Math.Min(samples.Count, _dataset.Count);
        var both = PictureChoice.Draw(_dataset.Count, 2 * count, _request.Seed);
        var (first, second) = (PictureChoice.Read(_dataset, [.. both.Where((_, n) => both.Length < 2 * count || n % 2 == 0).Take(count)]), PictureChoice.Read(_dataset, [.. both.Where((_, n) => n % 2 == 1).Take(count)]));
        var ours = samples with { Pixels = samples.Pixels[..(count * samples.ImageBytes)], Count = count };
        Report(SlicedStage, 0, 2);
        var distance = PictureDistance.Measure(ours, first, _request.Seed, _cancellationToken);
        Report(SlicedStage, 1, 2);
        var usual = second.Count == count ? PictureDistance.Measure(second, first, _request.Seed, _cancellationToken) : null;
        Report(SlicedStage, 2, 2);
        return report with { SlicedWasserstein = distance, SlicedWassersteinOfDataset = usual };
    }

    private FeatureDistanceResult MeasureFeatures(PixelBatch samples)
    {
        var network = _request.Features!;
        var images = Math.Min(_request.ReferenceImages ?? _dataset.Count, _dataset.Count);
        using var theirs = FeatureExtraction.Of(network, _dataset, images, _request.Cache, done => Report(FeatureStages[0], done, images), _cancellationToken);
        using var ours = FeatureExtraction.Of(network, samples, done => Report(FeatureStages[1], done, samples.Count), _cancellationToken);
        using var scope = NewDisposeScope();
        Report(FeatureStages[2], 0, 1);
        var result = new FeatureDistanceResult(
            Asks(EvaluationMetric.Fid) ? FrechetDistance.Between(ours, theirs) : null,
            Asks(EvaluationMetric.Kid) ? KernelDistance.Between(ours.Kept(), theirs.Kept(), _cancellationToken) : null,
            samples.Count, images, (int)theirs.Dimensions, network.Sha256);
        Report(FeatureStages[2], 1, 1);
        return result;
    }

    private sealed class Drawing(Evaluator evaluator, int first, int count) : IProgress<SamplingProgress>
    {
        public void Report(SamplingProgress value) => evaluator.Report(
            "drawing", ((long)first * value.StepsTotal / count) + value.StepsDone, (long)evaluator._request.Images * value.StepsTotal / count);
    }
}
