using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A call of the network, beside the same network as someone else runs it, with the same inputs in the same process.</summary>
internal static class ForwardBench
{
    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        var folder = options.NetworkFolder;
        var inputs = new NetworkInputs(DiffusersFolder.Open(folder).Network, options.Device);
        using var baseline = NetworkUnderTest.BaselineOf(options, folder);
        foreach (var precision in options.Precisions)
        {
            using var ours = NetworkUnderTest.Create(folder, options.Device, precision, options.Cuda, options.Threads);
            foreach (var batch in options.Batches)
                yield return Compare(options, ours, baseline, precision, inputs, batch) with { Notes = [.. baseline.Notes, .. ours.Notes] };
        }
    }

    private static BenchReport Compare(BenchOptions options, NetworkUnderTest ours, NetworkUnderTest baseline, SamplingPrecision precision, NetworkInputs inputs, int batch)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var name = precision.Name();
        var (sample, timesteps, labels) = (inputs.Sample(batch), inputs.Timesteps(batch), inputs.Labels(batch));
        var compared = inputs.Timesteps(batch, differ: baseline.TakesTimestepsThatDiffer);
        var checks = Errors(ours.Call(sample, compared, labels), baseline.Call(sample, compared, labels), precision)
            .Select(check => check with { Network = options.ModelName, Batch = batch, Precision = name }).ToList();

        // All pictures of a request are at the same timestep, as here.
        var (theirs, own) = Turns.Time(options, () => Call(baseline), () => Call(ours));
        return BenchReport.Of(
            [
                Milliseconds($"{baseline.Name}, a call", theirs) with { Network = options.ModelName, Batch = batch, Precision = "float32" },
                Milliseconds("ours, a call", own) with { Network = options.ModelName, Batch = batch, Precision = name },
            ],
            [Ratio.OfPairs($"{baseline.Name} in float32 / ours", theirs, own) with { Network = options.ModelName, Batch = batch, Precision = name }],
            checks);

        void Call(NetworkUnderTest network)
        {
            using var call = NewDisposeScope();
            network.Call(sample, timesteps, labels);
        }
    }

    private static IEnumerable<Check> Errors(Tensor got, Tensor expected, SamplingPrecision precision)
    {
        var difference = (got - expected).abs();
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

    private static Measure Milliseconds(string name, double[] seconds) => Bench.Measure.Of(name, "ms", [.. seconds.Select(value => 1000 * value)]);
}
