using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>A call of the network while another process keeps a core busy, beside one on a quiet machine, in turns.</summary>
internal static class BusyBench
{
    public static BenchReport Measure(BenchOptions options)
    {
        if (options.Device.type != DeviceType.CPU || !OperatingSystem.IsLinux())
            throw new UserErrorException("bench busy is about the cores of a Linux machine: --device cpu.");
        using var noGradients = inference_mode();
        var network = DiffusersFolder.Open(options.ModelFolder).Network;
        var reports = new List<BenchReport>();
        foreach (var precision in options.Precisions)
        {
            using var ours = NetworkUnderTest.Create(options.ModelFolder, options.Device, precision, options.Cuda);
            foreach (var batch in options.Batches)
            {
                using var scope = NewDisposeScope();
                var side = network.SampleSize ?? 64;
                var sample = randn([batch, network.InChannels, side, side]);
                var timesteps = full([batch], 500, dtype: ScalarType.Int64);
                var (quiet, busy) = Turns.Time(options, () => Call(ours, sample, timesteps), Beside(() => Call(ours, sample, timesteps)));
                reports.Add(BenchReport.Of(
                    [],
                    [Ratio.OfPairs("a core busy / quiet", busy, quiet) with { Network = options.ModelName, Batch = batch, Precision = precision.Name() }]));
            }
        }
        return BenchReport.Join(reports);
    }

    // Several calls, since the scheduler takes its time to move threads about.
    private static void Call(NetworkUnderTest network, Tensor sample, Tensor timesteps)
    {
        for (var call = 0; call < 5; call++)
        {
            using var scope = NewDisposeScope();
            network.Call(sample, timesteps);
        }
    }

    private static Action Beside(Action work) => () =>
    {
        using var other = Process.Start("/bin/sh", ["-c", "while :; do :; done"]);
        try
        {
            work();
        }
        finally
        {
            other.Kill();
            other.WaitForExit();
        }
    };
}
