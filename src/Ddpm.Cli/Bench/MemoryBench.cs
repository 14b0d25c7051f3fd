using Ddpm.Engine;
using Ddpm.Engine.Native;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>Whether memory stays flat: what the process holds after 50, 500 and 1,000 sampling steps, in requests of a few steps each.</summary>
internal static class MemoryBench
{
    /// <summary>Sampling steps after which memory is looked at first, and the most that a request can have.</summary>
    public const int First = 50;

    private const int Middle = 500;
    private const int Last = 1000;
    private const double Drift = 20; // MB, of the second half

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        options.RequireNoClasses("memory");
        foreach (var precision in options.Precisions)
            yield return Measure(options, precision);
    }

    private static BenchReport Measure(BenchOptions options, SamplingPrecision precision)
    {
        using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
        var request = new SampleRequest { Count = options.Batches[0], Sampler = new SamplerConfig { Kind = SamplerKind.Ddim, Steps = options.Steps }, Threads = options.Threads };
        var (early, middle, tensors) = (new Dictionary<string, double>(), new Dictionary<string, double>(), 0L);
        for (var step = 0; step < Last; step += options.Steps)
        {
            if (early.Count == 0 && step >= First)
                (early, tensors) = (Megabytes(), Tensor.TotalCount);
            if (middle.Count == 0 && step >= Middle)
                middle = Megabytes();
            model.Sample(request with { Seed = (ulong)step }, null, options.CancellationToken);
        }
        var late = Megabytes();
        return BenchReport.Of(
            [.. early.Keys.SelectMany(memory => new[] { Of($"{memory} after {First} steps", early[memory]), Of($"{memory} after {Middle} steps", middle[memory]), Of($"{memory} after {Last} steps", late[memory]) })],
            checks:
            [
                Limit("growth of live tensors", Tensor.TotalCount - tensors, 0),
                // What malloc keeps for the threads that came and went settles within some hundred requests and stays there for thousands.
                .. early.Keys.Select(memory => Limit($"growth of {memory}, MB", late[memory] - early[memory], (0.25 * early[memory]) + 64)),
                .. early.Keys.Select(memory => Limit($"growth of {memory} after {Middle} steps, MB", late[memory] - middle[memory], Drift)),
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
