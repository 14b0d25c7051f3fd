using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A call of the network, beside the same network as someone else runs it, with the same inputs in the same process.</summary>
internal static class ForwardBench
{
    public static BenchReport Measure(BenchOptions options)
    {
        using var noGradients = inference_mode();
        using var baseline = NetworkUnderTest.BaselineOf(options);
        var reports = new List<BenchReport>();
        foreach (var precision in options.Precisions)
        {
            using var ours = NetworkUnderTest.Create(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
            reports.AddRange(options.Batches.Select(batch => Compare(options, ours, baseline, precision, batch) with { Notes = ours.Notes }));
        }
        return BenchReport.Join(reports);
    }

    private static BenchReport Compare(BenchOptions options, NetworkUnderTest ours, NetworkUnderTest baseline, SamplingPrecision precision, int batch)
    {
        using var scope = NewDisposeScope();
        var (name, baselineName, network) = (precision.Name(), options.Baseline is null ? "plain network" : "TorchScript", DiffusersFolder.Open(options.ModelFolder).Network);
        var side = network.SampleSize ?? 64;
        var sample = randn([batch, network.InChannels, side, side], device: options.Device);
        var checks = Errors(ours, baseline, precision, sample).Select(check => check with { Network = options.ModelName, Batch = batch, Precision = name }).ToList();

        // All pictures of a request are at the same timestep, as here.
        var timesteps = full([batch], 500, dtype: ScalarType.Int64, device: options.Device);
        var (theirs, own) = Turns.Time(options, () => Call(baseline, sample, timesteps), () => Call(ours, sample, timesteps));
        return BenchReport.Of(
            [
                Milliseconds($"{baselineName}, a call", theirs) with { Network = options.ModelName, Batch = batch, Precision = "float32" },
                Milliseconds("ours, a call", own) with { Network = options.ModelName, Batch = batch, Precision = name },
            ],
            [Ratio.OfPairs($"{baselineName} / ours", theirs, own) with { Network = options.ModelName, Batch = batch, Precision = name }],
            checks);
    }

    // At timesteps that differ, so that no picture can be taken for another.
    private static IEnumerable<Check> Errors(NetworkUnderTest ours, NetworkUnderTest baseline, SamplingPrecision precision, Tensor sample)
    {
        var timesteps = (arange(sample.shape[0], dtype: ScalarType.Int64, device: sample.device) * 61 + 7) % 1000;
        var expected = baseline.Call(sample, timesteps);
        var difference = (ours.Call(sample, timesteps) - expected).abs();
        var largest = expected.abs().max().item<float>();
        yield return new Check("largest error, of the largest value", difference.max().item<float>() / largest, LargestError(precision));
        yield return new Check("mean error, of the mean value", difference.mean().item<float>() / expected.abs().mean().item<float>(), LargestError(precision));
    }

    // Several times what two right implementations were seen to differ by; a wrong one is off by much more.
    private static double LargestError(SamplingPrecision precision) => precision switch
    {
        SamplingPrecision.Float32 => 5e-5,
        SamplingPrecision.TFloat32 or SamplingPrecision.Float16 => 1e-2,
        _ => 5e-2,
    };

    private static void Call(NetworkUnderTest network, Tensor sample, Tensor timesteps)
    {
        using var scope = NewDisposeScope();
        network.Call(sample, timesteps);
    }

    private static Measure Milliseconds(string name, double[] seconds) => Bench.Measure.Of(name, "ms", [.. seconds.Select(value => 1000 * value)]);
}
