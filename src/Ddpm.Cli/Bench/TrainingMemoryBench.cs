using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>Whether training holds on to memory.</summary>
/// <param name="Steps">Of the run.</param>
/// <param name="TensorsEarly">Tensors alive after <see cref="TrainingMemoryBench.EarlySteps"/> steps.</param>
/// <param name="TensorsLate">Tensors alive at the end.</param>
/// <param name="BytesEarly">What the process held then.</param>
/// <param name="BytesLate">What it held at the end.</param>
/// <param name="BytesAtMost">The most that it has ever held.</param>
/// <param name="Least">What the engine counts before the run.</param>
internal sealed record TrainingMemoryBenchResult(long Steps, long TensorsEarly, long TensorsLate, long BytesEarly, long BytesLate, long BytesAtMost, TrainingMemory Least);

/// <summary>A long run of a network, looked at early and at its end.</summary>
internal static class TrainingMemoryBench
{
    /// <summary>When memory is looked at first: all that is made once has been made.</summary>
    public const long EarlySteps = 100;

    /// <param name="network">With a sample size; a tiny one will do.</param>
    /// <param name="batch">Pictures of a step.</param>
    /// <param name="steps">More than <see cref="EarlySteps"/>.</param>
    /// <param name="precision">What it computes in.</param>
    /// <param name="device">Where.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static TrainingMemoryBenchResult Run(UNetConfig network, int batch, long steps, TrainingPrecision precision, Device device, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(steps, EarlySteps);
        TorchRuntime.Initialize();
        using var folder = new TemporaryFolder();
        using var dataset = TrainingBench.Faces(64, network.SampleSize ?? throw new UserErrorException("The network's sample_size must be known to train it."), folder, cancellationToken);
        var config = new TrainingConfig { TotalSteps = steps, BatchSize = batch, Precision = precision, CheckpointEverySteps = 40 };
        using var trainer = new Trainer(config, network, new NoiseScheduleConfig(), dataset, device, folder.Below("run"));
        var observer = new Observer(steps);
        trainer.Run(observer, cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        using var process = Process.GetCurrentProcess();
        return new TrainingMemoryBenchResult(
            steps, observer.Early.Tensors, observer.Late.Tensors, observer.Early.Bytes, observer.Late.Bytes, process.PeakWorkingSet64,
            TrainingMemory.AtLeast(config, network, dataset.Height, dataset.Width));
    }

    private sealed class Observer(long steps) : TrainingObserver
    {
        public (long Tensors, long Bytes) Early { get; private set; }

        public (long Tensors, long Bytes) Late { get; private set; }

        public override void OnProgress(TrainingProgress progress)
        {
            if (progress.Step == EarlySteps)
                Early = Now();
            if (progress.Step == steps)
                Late = Now();
        }

        public override void OnCheckpoint(CheckpointInfo checkpoint) => Directory.Delete(checkpoint.Folder, recursive: true);

        private static (long Tensors, long Bytes) Now()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            return (DisposeScopeManager.Statistics.ThreadTotalLiveCount, Environment.WorkingSet);
        }
    }
}
