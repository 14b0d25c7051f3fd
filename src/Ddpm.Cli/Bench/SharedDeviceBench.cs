using System.Diagnostics;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;

namespace Ddpm.Cli.Bench;

/// <summary>Training and sampling on one device: how soon a picture's first step is done while a run trains, and how much that slows the run.</summary>
internal static class SharedDeviceBench
{
    private const int Faces = 256;
    private const int BatchSize = 8;
    private const int Steps = 20;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5); // of each part of a round

    /// <summary>Trains a network like the model's on drawn faces and asks, in turns, for no pictures and for one after another.</summary>
    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        options.RequireNoClasses("shared-device");
        using var folder = new TemporaryFolder();
        using var model = DiffusionModel.Load(options.ModelFolder, options.Device, options.Precisions[0], options.Cuda, options.Threads);
        var data = folder.Below("data");
        DatasetBuilder.Build(
            new FacesSource(Faces, seed: 1, model.Side), new DatasetOptions { Resolution = model.Side, Channels = model.Network.InChannels }, data, progress: null, options.CancellationToken);
        using var dataset = ImageDataset.Open(data);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(options.CancellationToken);
        var run = new TrainedSteps();
        var training = new BackgroundWork(() =>
        {
            var config = new TrainingConfig { TotalSteps = 1_000_000, BatchSize = BatchSize };
            using var trainer = new Trainer(config, model.Network, model.Schedule, dataset, options.Device, folder.Below("checkpoints"));
            trainer.Run(run, stop.Token);
        });
        BenchReport report;
        try
        {
            report = Compare(model, run, training, options.Runs, options.CancellationToken);
        }
        finally
        {
            stop.Cancel();
            training.Join();
        }

        yield return report.About(options.ModelName);
    }

    private static BenchReport Compare(DiffusionModel model, TrainedSteps run, BackgroundWork training, int rounds, CancellationToken stop)
    {
        var (firstSteps, before, beside, after) = (new List<double>(), new List<double>(), new List<double>(), new List<double>());
        while (run.Count < 5)
            Wait(TimeSpan.FromMilliseconds(10));
        for (var round = 0; round < rounds; round++)
        {
            before.Add(run.StepsASecond(() => Wait(Window)));
            beside.Add(run.StepsASecond(() =>
            {
                for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < Window;)
                    firstSteps.Add(FirstStepOf(model, stop));
            }));
            after.Add(run.StepsASecond(() => Wait(Window)));
        }

        return BenchReport.Of(
            [
                Bench.Measure.Of($"training, batch {BatchSize}, before pictures are drawn", "steps/s", before),
                Bench.Measure.Of("while they are drawn", "steps/s", beside),
                Bench.Measure.Of("after", "steps/s", after),
                Bench.Measure.Of("a request's first step, while a run trains", "ms", [.. firstSteps.Select(seconds => 1e3 * seconds)]),
            ],
            [Ratio.OfPairs("training before / while pictures are drawn", before, beside), Ratio.OfPairs("training before / after", before, after)]);

        void Wait(TimeSpan time)
        {
            stop.WaitHandle.WaitOne(time);
            stop.ThrowIfCancellationRequested();
            if (!training.HasEnded)
                return;
            training.Finish(); // with what ended it
            throw new UserErrorException("The run ended before it was measured.");
        }
    }

    private static double FirstStepOf(DiffusionModel model, CancellationToken stop)
    {
        var first = new FirstReport();
        model.Sample(new SampleRequest { Count = 1, Sampler = new SamplerConfig { Kind = SamplerKind.DpmSolver, Steps = Steps } }, first, stop);
        return first.Seconds;
    }

    private sealed class FirstReport : IProgress<SamplingProgress>
    {
        private readonly long _began = Stopwatch.GetTimestamp();

        public double Seconds { get; private set; }

        public void Report(SamplingProgress value)
        {
            if (Seconds == 0)
                Seconds = Stopwatch.GetElapsedTime(_began).TotalSeconds;
        }
    }

    private sealed class TrainedSteps : TrainingObserver
    {
        private long _count;

        public long Count => Interlocked.Read(ref _count);

        public override void OnProgress(TrainingProgress progress) => Interlocked.Increment(ref _count);

        public double StepsASecond(Action meanwhile)
        {
            var (count, began) = (Count, Stopwatch.GetTimestamp());
            meanwhile();
            return (Count - count) / Stopwatch.GetElapsedTime(began).TotalSeconds;
        }
    }
}
