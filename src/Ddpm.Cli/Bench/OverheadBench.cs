using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using TorchSharp;

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

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        options.RequireNoClasses("overhead");
        if (options.Device.type != DeviceType.CPU)
            throw new UserErrorException("bench overhead needs --device cpu: a GPU's calls go on after they were begun, and only their beginning is metered.");
        foreach (var precision in options.Precisions)
        {
            RequireCallsInTurn(options, precision);
            using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
            foreach (var batch in options.Batches)
            {
                Share(model, Whole[^1].Sampler, batch, options); // everything compiled, all memory taken
                foreach (var (name, sampler) in Whole)
                {
                    var runs = sampler.Steps > 100 ? 1 : options.Runs; // a thousand calls are enough
                    double[] shares = [.. Enumerable.Range(0, runs).Select(_ => 100 * Share(model, sampler, batch, options))];
                    yield return BenchReport.Of([Bench.Measure.Of($"{name}: outside the network", "%", shares) with { Network = options.ModelName, Batch = batch, Precision = precision.Name() }]);
                }
            }
        }
    }

    // Where ATen computes, each picture of a request has a call of its own, side by side: their times add up to more than has passed.
    private static void RequireCallsInTurn(BenchOptions options, SamplingPrecision precision)
    {
        if (options.Batches.All(batch => batch == 1))
            return;
        using var network = SamplingNetwork.Of(DiffusersFolder.Open(options.ModelFolder).LoadNetwork(options.Device), options.Device, precision, options.Cuda, options.Threads);
        if (!network.IsBatchInvariant)
            throw new UserErrorException($"bench overhead of this network in {precision.Name()} needs --batch 1: on this machine it draws several pictures in calls side by side.");
    }

    private static double Share(DiffusionModel model, SamplerConfig sampler, int batch, BenchOptions options)
    {
        var before = model.Meter.Time;
        var began = Stopwatch.GetTimestamp();
        model.Sample(new SampleRequest { Count = batch, Sampler = sampler, Threads = options.Threads }, progress: null, options.CancellationToken);
        return 1 - ((model.Meter.Time - before) / Stopwatch.GetElapsedTime(began));
    }
}
