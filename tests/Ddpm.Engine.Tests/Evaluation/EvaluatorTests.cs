using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Features;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Tests.Data;
using Ddpm.TestSupport;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class EvaluatorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DiffusionModel _model;
    private readonly ImageDataset _dataset;

    public EvaluatorTests()
    {
        _model = DiffusionModel.Load(TinyModel.Write(_folder["model"], new NoiseScheduleConfig { Timesteps = 20, BetaStart = 1e-3, BetaEnd = 0.5 }), CPU);
        _dataset = SmallDataset.OfNumbers(_folder["data"], 24);
    }

    [Fact]
    public void Run_MeasuresEverythingThatIsAsked_AndTheSameTwice()
    {
        using var features = Features();
        var request = Request([.. Enum.GetValues<EvaluationMetric>()]) with { Features = features, Rows = 3, Neighbours = 2, Cache = _folder["cache"] };
        var report = Run(request);

        Assert.True(report.BitsPerDimension!.Total is { Value: > 0, StandardError: > 0 });
        Assert.True(report.Features is { Fid: > 0, Kid: { Value: > 0, StandardError: > 0 }, Images: 8, ReferenceImages: 24, Dimensions: 3 });
        Assert.True(report.SlicedWasserstein!.Average > 0 && report.SlicedWasserstein.Images == 8);
        Assert.True(report.SlicedWassersteinOfDataset!.Pixels.Value < report.SlicedWasserstein.Pixels.Value);
        Assert.Equal((3, 8), (report.Memorisation!.Closest.Count, report.Memorisation.Images));
        Assert.Equal((26, 24), Size(report.NearestGrid!));
        Assert.Equal(Sampled(8), report.Samples!.Pixels);

        var again = Run(request);
        Assert.Equal(report.BitsPerDimension.Total, again.BitsPerDimension!.Total);
        Assert.Equal(report.SlicedWasserstein.Average, again.SlicedWasserstein!.Average);
        Assert.Equal(report.Features.Fid!.Value, again.Features!.Fid!.Value, 1e-6);
        Assert.Equal(report.NearestGrid, again.NearestGrid);
    }

    [Fact]
    public void Run_MeasuresNothingElse_AndDrawsOnlyWhereItMust()
    {
        var bits = Run(Request(EvaluationMetric.BitsPerDimension));
        Assert.True(bits is { BitsPerDimension: not null, Samples: null, Features: null, SlicedWasserstein: null, Memorisation: null, NearestGrid: null });
        var distance = Run(Request(EvaluationMetric.SlicedWasserstein));
        Assert.True(distance is { BitsPerDimension: null, Samples: not null, SlicedWasserstein: not null, Memorisation: null });
    }

    [Fact]
    public void Run_AsksForRoom_OnlyWhileItDraws()
    {
        var (taken, most) = (0, 0);
        var request = Request(EvaluationMetric.BitsPerDimension, EvaluationMetric.SlicedWasserstein) with { Images = 600 }; // 512 at once
        var needed = Evaluator.MemoryFor(_model, request);

        var asked = 0;
        Run(request with
        {
            TakeRoom = memory =>
            {
                Assert.Equal(needed, memory);
                (asked, taken, most) = (asked + 1, taken + 1, Math.Max(most, taken + 1));
                return new Room(() => taken--);
            },
        });

        Assert.Equal((2, 0, 1), (asked, taken, most));
        Assert.True(needed.HostBytes > 600 * _model.Side * _model.Side);
        Assert.Equal(0, Evaluator.MemoryFor(_model, Request(EvaluationMetric.BitsPerDimension)).HostBytes);
    }

    private sealed class Room(Action leave) : IDisposable
    {
        public void Dispose() => leave();
    }

    [Fact]
    public void Run_KnowsNoUsualDistance_WhereTheDatasetHasNoTwoHalvesOfThatSize()
    {
        var report = Run(Request(EvaluationMetric.SlicedWasserstein) with { Images = 14 });
        Assert.Equal(14, report.SlicedWasserstein!.Images);
        Assert.Null(report.SlicedWassersteinOfDataset);
        Assert.Equal(24, Run(Request(EvaluationMetric.SlicedWasserstein) with { Images = 30 }).SlicedWasserstein!.Images);
    }

    [Fact]
    public void Run_RefusesWhatDoesNotFit_AndSaysWhy()
    {
        AssertRefused("No metric", Request());
        AssertRefused("feature network", Request(EvaluationMetric.Fid));
        AssertRefused("4 to 100000", Request(EvaluationMetric.Nearest) with { Images = 3 });
        using var large = OfSide(16);
        var fault = Assert.Throws<EvaluationException>(() => Evaluator.Run(_model, large, Request(EvaluationMetric.Nearest), null, CancellationToken.None));
        Assert.Contains("8×8 pixels and 3 channels, those of the dataset have 16×16", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ReportsEveryStageToItsEnd()
    {
        using var features = Features();
        var seen = new Dictionary<string, EvaluationProgress>();
        var progress = new Synchronous(step =>
        {
            Assert.InRange(step.Done, 0, step.Total);
            Assert.InRange(step.Fraction, 0, 1);
            lock (seen)
                if (!seen.TryGetValue(step.Stage, out var before) || before.Done < step.Done)
                    seen[step.Stage] = step;
        });
        Evaluator.Run(_model, _dataset, Request([.. Enum.GetValues<EvaluationMetric>()]) with { Features = features }, progress, CancellationToken.None);
        Assert.Equal(7, seen.Count);
        Assert.All(seen.Values, step => Assert.Equal(step.Total, step.Done));
        Assert.Equal(Enumerable.Range(1, 7).Select(stage => stage / 7.0), seen.Values.Select(step => step.Fraction).Order());
    }

    [Fact]
    public void Run_GivesAClassConditionalModelTheClassesOfTheDataset_ByTheirNames()
    {
        using var dataset = OfClasses("blue", "red");
        using var model = Conditional(new ClassNames(["red", "blue"], NullClass: null));
        Assert.Equal([1, 0], ModelLabels.Of(model, dataset, [First(dataset, 0), First(dataset, 1)])!); // blue, red
        var report = Evaluator.Run(model, dataset, Request(EvaluationMetric.BitsPerDimension, EvaluationMetric.SlicedWasserstein), null, CancellationToken.None);
        Assert.True(report is { BitsPerDimension.Total.Value: > 0, Samples.Count: 8 });
        Assert.Null(ModelLabels.Of(_model, dataset, [0]));
    }

    [Fact]
    public void Run_RefusesADataset_WhoseClassesTheModelDoesNotKnow()
    {
        using var dataset = OfClasses("blue", "green");
        using var model = Conditional(new ClassNames(["red", "blue"], NullClass: null));
        Assert.Contains("'green'", Assert.Throws<EvaluationException>(() => Evaluator.Run(model, dataset, Request(EvaluationMetric.Nearest), null, CancellationToken.None)).Message, StringComparison.Ordinal);
        Assert.Contains("without a class", Assert.Throws<EvaluationException>(() => Evaluator.Run(model, _dataset, Request(EvaluationMetric.Nearest), null, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Theory, InlineData("fourier", false, "time_embedding_type"), InlineData("positional", true, "thresholding")]
    public void Check_RefusesBitsPerDimension_WhereTheModelHasNone(string embedding, bool thresholding, string named)
    {
        var config = TinyModel.Network with { TimeEmbeddingType = embedding };
        using var network = TinyModel.Build(config);
        using var model = DiffusionModel.Of(network, new NoiseScheduleConfig { Timesteps = 20, Thresholding = thresholding }, CPU);
        var fault = Assert.Throws<EvaluationException>(() => Evaluator.Check(model, _dataset, Request(EvaluationMetric.BitsPerDimension)));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _model.Dispose();
        _dataset.Dispose();
        _folder.Dispose();
    }

    private static (int, int) Size(byte[] png)
    {
        var picture = ImageCodec.Decode(png, new ImageDecodeOptions());
        return (picture.Width, picture.Height);
    }

    private static EvaluationRequest Request(params EvaluationMetric[] metrics) =>
        new() { Metrics = metrics.ToHashSet(), Images = 8, Timesteps = 4, Sampler = new SamplerConfig { Steps = 3 }, Seed = 5, Threads = 1 };

    private byte[] Sampled(int count) =>
        _model.Sample(new SampleRequest { Count = count, Seed = 5, Sampler = new SamplerConfig { Steps = 3 }, Threads = 1 }, null, CancellationToken.None).Pixels;

    private FeatureNetwork Features() =>
        FeatureNetwork.Load(TorchScriptFile.Write(_folder["features.pt"], "return torch.mean(x, [2, 3])"), new FeatureConfig { Side = 0 }, CPU);

    private EvaluationReport Run(EvaluationRequest request) => Evaluator.Run(_model, _dataset, request, null, CancellationToken.None);

    private void AssertRefused(string named, EvaluationRequest request) =>
        Assert.Contains(named, Assert.Throws<EvaluationException>(() => Run(request)).Message, StringComparison.Ordinal);

    private static int First(ImageDataset dataset, int label) => Enumerable.Range(0, dataset.Count).First(index => dataset.LabelOf(index) == label);

    private DiffusionModel Conditional(ClassNames classes)
    {
        using var network = TinyModel.Build(TinyModel.Network with { NumClassEmbeds = 2 });
        DiffusersFolder.Write(_folder["conditional"], network, new NoiseScheduleConfig { Timesteps = 20, BetaStart = 1e-3, BetaEnd = 0.5 });
        classes.Write(_folder["conditional"]);
        return DiffusionModel.Load(_folder["conditional"], CPU);
    }

    private ImageDataset OfClasses(params string[] names)
    {
        DatasetBuilder.Build(
            new MemorySource([.. Enumerable.Range(0, 8).Select(n => ($"{n}.png", (string?)names[n % names.Length], SmallDataset.Plain(8, (byte)(20 * n))))]),
            new DatasetOptions { Resolution = 8 }, _folder["classes"], null, CancellationToken.None);
        return ImageDataset.Open(_folder["classes"]);
    }

    private ImageDataset OfSide(int side)
    {
        DatasetBuilder.Build(
            new MemorySource([.. Enumerable.Range(0, 5).Select(n => ($"{n}.png", (string?)null, SmallDataset.Plain(side, (byte)n)))]),
            new DatasetOptions { Resolution = side }, _folder["large"], null, CancellationToken.None);
        return ImageDataset.Open(_folder["large"]);
    }

    private sealed class Synchronous(Action<EvaluationProgress> report) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => report(value);
    }
}
