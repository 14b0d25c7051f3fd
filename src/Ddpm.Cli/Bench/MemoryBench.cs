using Ddpm.Engine;
using Ddpm.Engine.Native;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>Whether memory stays flat: what the process holds after 50 sampling steps and after 1,000, in requests of a few steps each.</summary>
internal static class MemoryBench
{
    private const int First = 50;
    private const int Last = 1000;

    public static BenchReport Measure(BenchOptions options) =>
        BenchReport.Join([.. options.Precisions.Select(precision => Measure(options, precision))]);

    private static BenchReport Measure(BenchOptions options, SamplingPrecision precision)
    {
        using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
        var request = new SampleRequest { Count = options.Batches[0], Sampler = new SamplerConfig { Kind = SamplerKind.Ddim, Steps = options.Steps }, Threads = options.Threads };
        var (early, tensors) = (new Dictionary<string, double>(), 0L);
        for (var step = 0; step < Last; step += options.Steps)
        {
            if (early.Count == 0 && step >= First)
                (early, tensors) = (Megabytes(), Tensor.TotalCount);
            model.Sample(request with { Seed = (ulong)step }, null, options.CancellationToken);
        }
        var late = Megabytes();
        return BenchReport.Of(
            [.. early.Keys.SelectMany(memory => new[] { Of($"{memory} after {First} steps", early[memory]), Of($"{memory} after {Last} steps", late[memory]) })],
            checks:
            [
                Limit("growth of live tensors", Tensor.TotalCount - tensors, 0),
                // What malloc keeps for the threads that came and went settles within some hundred requests and stays there for thousands.
                .. early.Keys.Select(memory => Limit($"growth of {memory}, MB", late[memory] - early[memory], (0.25 * early[memory]) + 64)),
            ]);

        Check Limit(string name, double value, double limit) => new(name, value, limit) { Network = options.ModelName, Batch = request.Count, Precision = precision.Name() };
        Measure Of(string name, double value) => Bench.Measure.Of(name, "MB", value) with { Network = options.ModelName, Batch = request.Count, Precision = precision.Name() };
    }

    private static Dictionary<string, double> Megabytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var found = new Dictionary<string, double> { ["process memory"] = Environment.WorkingSet / 1e6 };
        if (CudaDevice.UsedBytes() is { } bytes)
            found["GPU memory"] = bytes / 1e6;
        return found;
    }
}
