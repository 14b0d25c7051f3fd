using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Likelihood;
using Ddpm.Engine.Tests.Data;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class BitsPerDimensionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DiffusionModel _model;
    private readonly ImageDataset _dataset;

    public BitsPerDimensionTests()
    {
        _model = DiffusionModel.Load(TinyModel.Write(_folder["model"], new NoiseScheduleConfig { Timesteps = 30, BetaStart = 1e-3, BetaEnd = 0.4 }), CPU);
        _dataset = SmallDataset.OfNumbers(_folder["data"], 48);
    }

    [Fact]
    public void Measure_OfSomeTimesteps_AgreesWithAll_WithinItsStandardError()
    {
        var all = Measure(new() { Images = 48, Timesteps = null });
        var some = Measure(new() { Images = 48, Timesteps = 8, Seed = 1 });

        Assert.Equal(30, all.Terms.Count);
        Assert.Equal(8, some.Terms.Count);
        AssertAgree(all.Total, some.Total);
        AssertAgree(all.Diffusion, some.Diffusion);
        foreach (var stratum in some.Terms)
        {
            var within = all.Terms.Where(term => term.FirstTimestep >= stratum.FirstTimestep && term.LastTimestep <= stratum.LastTimestep).ToList();
            Assert.Equal(within.Sum(term => term.BitsPerDimension.Value), stratum.BitsPerDimension.Value, 5 * stratum.BitsPerDimension.StandardError);
            Assert.Equal(within.Average(term => term.MeanSquaredError.Value), stratum.MeanSquaredError.Value, 5 * stratum.MeanSquaredError.StandardError + 0.02);
        }
    }

    [Fact]
    public void Measure_AddsUpToItsParts()
    {
        var result = Measure(new() { Images = 10, Timesteps = 5 });
        Assert.Equal(10, result.Images);
        Assert.Equal(result.Total.Value, result.Prior.Value + result.Diffusion.Value + result.Decoder.Value, 1e-9);
        Assert.Equal(result.Total.Value, result.Prior.Value + result.Terms.Sum(term => term.BitsPerDimension.Value), 1e-9);
        Assert.True(result.Total.StandardError > 0);
    }

    [Fact]
    public void Measure_GivesTheSame_OnAnyNumberOfThreads_AndOtherNumbersForAnotherSeed()
    {
        var request = new BitsPerDimensionRequest { Images = 12, Timesteps = 6, Threads = 1 };
        var alone = Measure(request);
        Assert.Equal(alone.Total, Measure(request with { Threads = 3 }).Total);
        Assert.NotEqual(alone.Total, Measure(request with { Seed = 9 }).Total);
    }

    [Fact]
    public void Measure_ReportsItsProgress_AndStopsWhenCancelled()
    {
        using var stop = new CancellationTokenSource();
        var seen = new List<EvaluationProgress>();
        var progress = new Synchronous(step =>
        {
            seen.Add(step);
            stop.Cancel();
        });
        Assert.ThrowsAny<OperationCanceledException>(() =>
            BitsPerDimension.Measure(_model, _dataset, new() { Images = 40, Timesteps = 20, Threads = 1 }, progress, stop.Token));
        Assert.Equal((16L, 800L), (Assert.Single(seen).Done, seen[0].Total));
    }

    [Fact]
    public void Strata_CoverEveryTimestepOnce_AndTheFirstByItself()
    {
        foreach (var timesteps in new[] { 2, 3, 10, 57, 1000 })
            for (var count = 2; count <= timesteps; count += count < 60 ? 1 : 47)
            {
                var strata = TimestepStrata.Of(timesteps, count);
                Assert.Equal(count, strata.Count);
                Assert.Equal(new TimestepStratum(0, 0), strata[0]);
                Assert.Equal(Enumerable.Range(0, timesteps), strata.SelectMany(stratum => Enumerable.Range(stratum.First, stratum.Width)));
            }
    }

    public void Dispose()
    {
        _model.Dispose();
        _dataset.Dispose();
        _folder.Dispose();
    }

    private static void AssertAgree(Estimate left, Estimate right) =>
        Assert.Equal(left.Value, right.Value, 4 * Math.Sqrt((left.StandardError * left.StandardError) + (right.StandardError * right.StandardError)));

    private BitsPerDimensionResult Measure(BitsPerDimensionRequest request) => BitsPerDimension.Measure(_model, _dataset, request, null, CancellationToken.None);

    private sealed class Synchronous(Action<EvaluationProgress> report) : IProgress<EvaluationProgress>
    {
        public void Report(EvaluationProgress value) => report(value);
    }
}
