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
    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        if (options.Device.type != DeviceType.CPU || !OperatingSystem.IsLinux())
            throw new UserErrorException("bench busy is about the cores of a Linux machine: --device cpu.");
        var folder = options.NetworkFolder;
        var inputs = new NetworkInputs(DiffusersFolder.Open(folder).Network, options.Device);
        foreach (var precision in options.Precisions)
        {
            using var ours = NetworkUnderTest.Create(folder, options.Device, precision, options.Cuda, options.Threads);
            foreach (var batch in options.Batches)
                yield return Compare(options, ours, inputs, batch, precision);
        }
    }

    private static BenchReport Compare(BenchOptions options, NetworkUnderTest ours, NetworkInputs inputs, int batch, SamplingPrecision precision)
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var (sample, timesteps, labels) = (inputs.Sample(batch), inputs.Timesteps(batch), inputs.Labels(batch));
        for (var warmUp = 0; warmUp < 2; warmUp++)
            Call();
        var (quiet, busy) = (new double[options.Runs], new double[options.Runs]);
        for (var run = 0; run < options.Runs; run++)
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            quiet[run] = Turns.Seconds(options.Device, Call);
            using var other = new BusyProcess(); // begun and ended while no clock runs
            busy[run] = Turns.Seconds(options.Device, Call);
        }

        return BenchReport.Of([], [Ratio.OfPairs("a core busy / quiet", busy, quiet) with { Network = options.ModelName, Batch = batch, Precision = precision.Name() }]);

        // Several calls, since the scheduler takes its time to move threads about.
        void Call()
        {
            for (var call = 0; call < 5; call++)
            {
                using var ofOne = NewDisposeScope();
                ours.Call(sample, timesteps, labels);
            }
        }
    }

    private sealed class BusyProcess : IDisposable
    {
        private readonly Process _process = Process.Start("/bin/sh", ["-c", "while :; do :; done"]);

        public void Dispose()
        {
            _process.Kill();
            _process.WaitForExit();
            _process.Dispose();
        }
    }
}
