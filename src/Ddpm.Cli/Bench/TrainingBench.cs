using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>The steps of one contestant.</summary>
/// <param name="Milliseconds">Of each.</param>
/// <param name="CpuMilliseconds">Of all threads together, of each: what other programs on the machine disturb less.</param>
/// <param name="LossError">The largest relative difference between its losses and the baseline's.</param>
internal sealed record TrainingTimes(IReadOnlyList<double> Milliseconds, IReadOnlyList<double> CpuMilliseconds, double LossError)
{
    /// <summary>How many times faster this is than another, in each turn.</summary>
    public IReadOnlyList<double> RatiosTo(TrainingTimes other) => [.. other.Milliseconds.Zip(Milliseconds, (theirs, ours) => theirs / ours)];

    /// <summary>How many times less processor time this takes than another, in each turn.</summary>
    public IReadOnlyList<double> CpuRatiosTo(TrainingTimes other) => [.. other.CpuMilliseconds.Zip(CpuMilliseconds, (theirs, ours) => theirs / ours)];
}

/// <summary>What training a network came to.</summary>
/// <param name="Batch">Pictures of a step.</param>
/// <param name="Baseline"><see cref="PlainTraining"/>.</param>
/// <param name="Float32">The trainer in float32.</param>
/// <param name="Bfloat16">The trainer in bfloat16.</param>
internal sealed record TrainingBenchResult(int Batch, TrainingTimes Baseline, TrainingTimes Float32, TrainingTimes Bfloat16)
{
    /// <summary>Losses may differ by so much and still be of the same computation: sums are added up in another order, and steps feed on each other.</summary>
    public const double LossTolerance = 1e-3;

    /// <summary>As <see cref="LossTolerance"/>, with the 8 bits of bfloat16.</summary>
    public const double Bfloat16LossTolerance = 0.05;

    /// <summary>Whether all three computed the same: else their times say nothing.</summary>
    public bool SameLosses => Float32.LossError <= LossTolerance && Bfloat16.LossError <= Bfloat16LossTolerance;
}

/// <summary>Steps of training: the trainer in float32 and in bfloat16 against a straightforward loop, in turns.</summary>
internal static class TrainingBench
{
    private const int WarmUps = 2;

    /// <param name="network">With a sample size.</param>
    /// <param name="batch">Pictures of a step.</param>
    /// <param name="steps">How many are measured, of each of the three.</param>
    /// <param name="device">Where.</param>
    /// <param name="cancellationToken">Looked at between steps.</param>
    public static TrainingBenchResult Run(UNetConfig network, int batch, int steps, Device device, CancellationToken cancellationToken)
    {
        TorchRuntime.Initialize();
        var size = network.SampleSize ?? throw new UserErrorException("The network's sample_size must be known to train it.");
        using var folder = new TemporaryFolder();
        using var dataset = Faces(Math.Max(batch, 64), size, folder, cancellationToken);
        var config = new TrainingConfig { TotalSteps = steps + WarmUps + 1, BatchSize = batch, WarmupSteps = 1, Seed = 1 };
        using var baseline = new PlainTraining(config, network, dataset, device);
        using var wide = new SteppedTrainer(config, network, dataset, device, folder.Below("float32"));
        using var narrow = new SteppedTrainer(config with { Precision = TrainingPrecision.BFloat16 }, network, dataset, device, folder.Below("bfloat16"));
        (Action<int> Step, IReadOnlyList<double> Losses, List<double> Wall, List<double> Cpu)[] contestants =
            [(baseline.Step, baseline.Losses, [], []), (wide.Step, wide.Losses, [], []), (narrow.Step, narrow.Losses, [], [])];
        foreach (var contestant in contestants)
            contestant.Step(WarmUps);
        for (var turn = 0; turn < steps; turn++)
            foreach (var (step, _, wall, cpu) in contestants)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var (begin, beginCpu) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
                step(1);
                if (device.type == DeviceType.CUDA)
                    cuda.synchronize(device);
                wall.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
                cpu.Add((Environment.CpuUsage.TotalTime - beginCpu).TotalMilliseconds);
            }

        var results = contestants.Select(contestant => new TrainingTimes(contestant.Wall, contestant.Cpu, Error(contestant.Losses, baseline.Losses))).ToList();
        return new TrainingBenchResult(batch, results[0], results[1], results[2]);
    }

    /// <summary>Cartoon faces to train on.</summary>
    public static ImageDataset Faces(int count, int size, TemporaryFolder folder, CancellationToken cancellationToken)
    {
        DatasetBuilder.Build(new FacesSource(count, 0, size), new DatasetOptions { Resolution = size }, folder.Below("faces"), null, cancellationToken);
        return ImageDataset.Open(folder.Below("faces"));
    }

    // Max passes over what is not a number, which is the worst of errors.
    private static double Error(IReadOnlyList<double> losses, IReadOnlyList<double> expected)
    {
        var errors = losses.Zip(expected, (loss, reference) => Math.Abs(loss - reference) / reference).ToList();
        return errors.Exists(double.IsNaN) ? double.NaN : errors.Max();
    }
}
