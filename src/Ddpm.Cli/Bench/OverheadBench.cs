using System.Diagnostics;
using Ddpm.Engine;
using Ddpm.Engine.Sampling;

namespace Ddpm.Cli.Bench;

/// <summary>What a whole sampling run spends outside the network: noise, the sampler's arithmetic, admission, pixels.</summary>
internal static class OverheadBench
{
    private static readonly (string Name, SamplerConfig Sampler)[] Whole =
    [
        ("DDPM-1000", new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = 1000 }),
        ("DDIM-50", new SamplerConfig { Kind = SamplerKind.Ddim, Steps = 50 }),
        ("DPM-Solver++-20", new SamplerConfig { Kind = SamplerKind.DpmSolver, Steps = 20 }),
    ];

    public static BenchReport Measure(BenchOptions options)
    {
        var measures = new List<Measure>();
        foreach (var precision in options.Precisions)
        {
            using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
            foreach (var batch in options.Batches)
            {
                Share(model, Whole[^1].Sampler, batch, options); // everything compiled, all memory taken
                foreach (var (name, sampler) in Whole)
                {
                    var runs = sampler.Steps > 100 ? 1 : options.Runs; // a thousand calls are enough
                    double[] shares = [.. Enumerable.Range(0, runs).Select(_ => 100 * Share(model, sampler, batch, options))];
                    measures.Add(Bench.Measure.Of($"{name}: outside the network", "%", shares) with { Network = options.ModelName, Batch = batch, Precision = precision.Name() });
                }
            }
        }

        return BenchReport.Of(measures);
    }

    private static double Share(DiffusionModel model, SamplerConfig sampler, int batch, BenchOptions options)
    {
        var before = model.Meter.Time;
        var began = Stopwatch.GetTimestamp();
        model.Sample(new SampleRequest { Count = batch, Sampler = sampler, Threads = options.Threads }, progress: null, options.CancellationToken);
        return 1 - ((model.Meter.Time - before) / Stopwatch.GetElapsedTime(began));
    }
}
