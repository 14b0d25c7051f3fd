using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>What checkpoints cost a run.</summary>
/// <param name="Bytes">Of a checkpoint.</param>
/// <param name="PlainMilliseconds">Of each step without one.</param>
/// <param name="CopyMilliseconds">Of each step in which one was copied; the first of them, which takes the memory, is left out.</param>
/// <param name="WritingMilliseconds">Of each step beside which one was written.</param>
/// <param name="WriteMilliseconds">Of writing one while nothing else is done, as at the end of a run.</param>
internal sealed record CheckpointBenchResult(
    long Bytes, IReadOnlyList<double> PlainMilliseconds, IReadOnlyList<double> CopyMilliseconds, IReadOnlyList<double> WritingMilliseconds, double WriteMilliseconds);

/// <summary>A run that writes checkpoints while it goes on.</summary>
internal static class CheckpointBench
{
    /// <param name="network">With a sample size.</param>
    /// <param name="batch">Pictures of a step.</param>
    /// <param name="checkpoints">How many are written, besides the first and the last.</param>
    /// <param name="every">Steps between them; more than 2.</param>
    /// <param name="device">Where.</param>
    /// <param name="cancellationToken">Ends the run.</param>
    public static CheckpointBenchResult Run(UNetConfig network, int batch, int checkpoints, int every, Device device, CancellationToken cancellationToken)
    {
        TorchRuntime.Initialize();
        using var folder = new TemporaryFolder();
        using var dataset = TrainingBench.Faces(64, network.SampleSize ?? throw new UserErrorException("The network's sample_size must be known to train it."), folder, cancellationToken);
        var config = new TrainingConfig { TotalSteps = ((checkpoints + 2) * every) - 1, BatchSize = batch, CheckpointEverySteps = every, WarmupSteps = 0, LearningRate = 1e-6 };
        using var trainer = new Trainer(config, network, new NoiseScheduleConfig(), dataset, device, folder.Below("run"));
        var observer = new Observer(every);
        var result = trainer.Run(observer, cancellationToken);
        var write = observer.SinceLastStep;
        cancellationToken.ThrowIfCancellationRequested();
        return new CheckpointBenchResult(result.Checkpoint!.Bytes, observer.Plain, observer.Copying, observer.Writing, write);
    }

    private sealed class Observer(int every) : TrainingObserver
    {
        private const int WarmUps = 2;

        private long _last = Stopwatch.GetTimestamp();
        private bool _writing;

        public List<double> Plain { get; } = [];

        public List<double> Copying { get; } = [];

        public List<double> Writing { get; } = [];

        public double SinceLastStep => Stopwatch.GetElapsedTime(_last).TotalMilliseconds;

        public override void OnProgress(TrainingProgress progress)
        {
            var copies = progress.Step > 1 && progress.Step % every == 1; // the copy is taken in the step after, once its gradient is known
            // Those before the first checkpoint are plain whatever happens: the writing of one can last until the next.
            if (progress.Step > WarmUps && progress.Step != every + 1)
                (copies ? Copying : _writing ? Writing : Plain).Add(SinceLastStep);
            _writing |= copies;
            _last = Stopwatch.GetTimestamp();
        }

        public override void OnCheckpoint(CheckpointInfo checkpoint) => _writing = false;
    }
}
