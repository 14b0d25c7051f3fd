using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using TorchSharp;

namespace Ddpm.Cli.Bench;

/// <summary>The measurements of training as reports.</summary>
internal static class TrainingSubjects
{
    private const int MemorySteps = 1000;
    private const int Checkpoints = 4;
    private const int StepsBetweenCheckpoints = 8;

    /// <summary>Steps of a run in float32 and in bfloat16 beside a straightforward loop.</summary>
    public static IEnumerable<BenchReport> Steps(BenchOptions options) => OfEachBatch(options, batch =>
    {
        var result = TrainingBench.Run(Network(options), batch, options.Runs, options.Device, options.CancellationToken);
        return BenchReport.Of(
            [
                Bench.Measure.Of("straightforward loop, a step", "ms", result.Baseline.Milliseconds),
                Bench.Measure.Of("trainer in float32, a step", "ms", result.Float32.Milliseconds),
                Bench.Measure.Of("trainer in bfloat16, a step", "ms", result.Bfloat16.Milliseconds),
            ],
            [
                new Ratio("loop / float32", Spread.Of(result.Float32.RatiosTo(result.Baseline))),
                new Ratio("loop / float32, processor time", Spread.Of(result.Float32.CpuRatiosTo(result.Baseline))),
                new Ratio("float32 / bfloat16", Spread.Of(result.Bfloat16.RatiosTo(result.Float32))),
                new Ratio("float32 / bfloat16, processor time", Spread.Of(result.Bfloat16.CpuRatiosTo(result.Float32))),
            ],
            [
                new Check("difference of the losses in float32", result.Float32.LossError, TrainingBenchResult.LossTolerance),
                new Check("difference of the losses in bfloat16", result.Bfloat16.LossError, TrainingBenchResult.Bfloat16LossTolerance),
            ]);
    });

    /// <summary>Batches made beside batches used.</summary>
    public static IEnumerable<BenchReport> Loader(BenchOptions options) => OfEachBatch(options, batch =>
    {
        var result = LoaderBench.Run(Network(options), batch, options.Runs, options.Device, options.CancellationToken);
        return BenchReport.Of(
            [
                Bench.Measure.Of("pictures loaded", "images/s", result.PicturesPerSecond),
                Bench.Measure.Of("pictures loaded, with noise", "images/s", result.PreparedPerSecond),
                Bench.Measure.Of("pictures trained on, bfloat16", "images/s", result.TrainedPerSecond),
            ],
            [new Ratio("loaded with noise / trained on", Spread.Of(result.Ratios))]);
    });

    /// <summary>Steps without a checkpoint, with a copy of one, and beside its writing.</summary>
    public static IEnumerable<BenchReport> Checkpointing(BenchOptions options) => OfEachBatch(options, batch =>
    {
        var result = CheckpointBench.Run(Network(options), batch, Checkpoints, StepsBetweenCheckpoints, options.Device, options.CancellationToken);
        return BenchReport.Of(
            [
                Bench.Measure.Of("a step", "ms", result.PlainMilliseconds),
                Bench.Measure.Of("a step in which a checkpoint is copied", "ms", result.CopyMilliseconds),
                .. result.WritingMilliseconds.Count == 0 ? [] : new[] { Bench.Measure.Of("a step beside the writing of one", "ms", result.WritingMilliseconds) },
                Bench.Measure.Of("writing one, nothing beside it", "ms", result.WriteMilliseconds),
                Bench.Measure.Of("size of one", "MB", result.Bytes / 1e6),
            ]);
    });

    /// <summary>Memory of a run of 1,000 steps.</summary>
    public static IEnumerable<BenchReport> Memory(BenchOptions options) => OfEachBatch(options, batch =>
    {
        var result = TrainingMemoryBench.Run(Network(options), batch, MemorySteps, TrainingPrecision.Float32, options.Device, options.CancellationToken);
        return BenchReport.Of(
            [
                Bench.Measure.Of($"process memory after {TrainingMemoryBench.EarlySteps} steps", "MB", result.BytesEarly / 1e6),
                Bench.Measure.Of($"process memory after {result.Steps} steps", "MB", result.BytesLate / 1e6),
                Bench.Measure.Of("process memory, the most", "MB", result.BytesAtMost / 1e6),
            ],
            checks:
            [
                new Check("growth of live tensors", result.TensorsLate - result.TensorsEarly, 0),
                // A GPU's memory is another.
                .. options.Device.type == DeviceType.CPU ? [new Check("what training needs at least, of the most, MB", result.Least.Bytes / 1e6, result.BytesAtMost / 1e6)] : Array.Empty<Check>(),
            ]);
    });

    private static UNetConfig Network(BenchOptions options)
    {
        var network = DiffusersFolder.Open(options.NetworkFolder).Network;
        if (network.NumClassEmbeds is { } classes)
            throw new UserErrorException($"bench trains on pictures without classes; '{options.ModelName}' knows {classes}.");
        return network;
    }

    private static IEnumerable<BenchReport> OfEachBatch(BenchOptions options, Func<int, BenchReport> measure) =>
        options.Batches.Select(batch => measure(batch).About(options.ModelName, batch));
}
