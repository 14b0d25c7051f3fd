using Ddpm.Engine;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>Pictures from noise to the end, as a request draws them, beside the same steps with the baseline as the network.</summary>
internal static class SamplingBench
{
    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        options.RequireNoClasses("sampling");
        using var baseline = NetworkUnderTest.BaselineOf(options, options.ModelFolder);
        foreach (var precision in options.Precisions)
        {
            using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
            foreach (var count in options.Batches)
                yield return Compare(options, model, baseline, precision, count);
        }
    }

    private static BenchReport Compare(BenchOptions options, DiffusionModel model, NetworkUnderTest baseline, SamplingPrecision precision, int count)
    {
        var request = new SampleRequest { Count = count, Sampler = new SamplerConfig { Kind = SamplerKind.Ddim, Steps = options.Steps }, Threads = options.Threads };
        var loop = new DenoisingLoop((sample, timesteps, _) => baseline.Call(sample, timesteps.to(ScalarType.Int64)), model.Network.InChannels, options.Device);
        var plan = SamplingPlan.For(model.Schedule, request.Sampler);
        var images = Enumerable.Range(0, count).Select(image => new ImageToDraw(plan, request.Seed, (uint)image)).ToArray();
        var (theirs, own) = Turns.Time(
            options,
            () => loop.Run(images, model.Side, model.Side, null, options.CancellationToken).Dispose(),
            () => model.Sample(request, null, options.CancellationToken));
        var name = baseline.Name;
        return BenchReport.Of(
            [
                Speed($"{name}, drawing", theirs) with { Network = options.ModelName, Batch = count, Precision = "float32" },
                Speed("ours, drawing", own) with { Network = options.ModelName, Batch = count, Precision = precision.Name() },
            ],
            [Ratio.OfPairs($"{name} in float32 / ours", theirs, own) with { Network = options.ModelName, Batch = count, Precision = precision.Name() }]);

        Measure Speed(string what, double[] seconds) => Bench.Measure.Of(what, "images·steps/s", [.. seconds.Select(value => count * plan.Steps.Count / value)]);
    }
}
