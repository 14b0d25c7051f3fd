using System.Diagnostics;
using Ddpm.Engine;
using Ddpm.Engine.Data;
using Ddpm.Engine.Sampling;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>Training and sampling on one device: how soon a picture's first step is done while a run trains, and how much that slows the run.</summary>
internal static class SharedDeviceBench
{
    private const int Faces = 256;
    private const int BatchSize = 8;
    private const int Steps = 20;

    /// <summary>Trains a network like the model's on drawn faces and asks, in turns, for no pictures and for one after another.</summary>
    /// <param name="modelFolder">A diffusers folder of a model of no classes, e.g. <c>models/faces-32</c>.</param>
    /// <param name="output">Receives a line a number.</param>
    /// <param name="rounds">Of quiet, sampling, quiet.</param>
    /// <param name="window">How long each part of a round takes; null for 5 seconds.</param>
    /// <param name="device">Where; null for the CPU.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static void Run(string modelFolder, TextWriter output, int rounds = 3, TimeSpan? window = null, Device? device = null, CancellationToken cancellationToken = default)
    {
        var folder = Directory.CreateTempSubdirectory("ddpm-bench-").FullName;
        try
        {
            using var model = DiffusionModel.Load(modelFolder, device ?? CPU);
            var data = Path.Combine(folder, "data");
            DatasetBuilder.Build(new FacesSource(Faces, seed: 1, model.Side), new DatasetOptions { Resolution = model.Side, Channels = model.Network.InChannels }, data, progress: null, cancellationToken);
            using var dataset = ImageDataset.Open(data);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var run = new TrainedSteps();
            var thread = new Thread(() =>
            {
                var config = new TrainingConfig { TotalSteps = 1_000_000, BatchSize = BatchSize };
                using var trainer = new Trainer(config, model.Network, model.Schedule, dataset, device ?? CPU, Path.Combine(folder, "checkpoints"));
                trainer.Run(run, stop.Token);
            })
            { IsBackground = true };
            thread.Start();
            Measure(model, run, output, rounds, window ?? TimeSpan.FromSeconds(5), cancellationToken);
            stop.Cancel();
            thread.Join();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Measure(DiffusionModel model, TrainedSteps run, TextWriter output, int rounds, TimeSpan window, CancellationToken stop)
    {
        var (firstSteps, during, after) = (new List<double>(), new List<double>(), new List<double>());
        while (run.Count < 5)
            Thread.Sleep(10);
        for (var round = 0; round < rounds; round++)
        {
            var before = run.StepsASecond(() => stop.WaitHandle.WaitOne(window));
            var beside = run.StepsASecond(() =>
            {
                for (var began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began) < window;)
                    firstSteps.Add(FirstStepOf(model, stop));
            });
            var afterwards = run.StepsASecond(() => stop.WaitHandle.WaitOne(window));
            during.Add((before + afterwards) / 2 / beside);
            after.Add(before / afterwards);
            output.WriteLine(FormattableString.Invariant($"training, batch {BatchSize}: {before:0.00} steps/s before, {beside:0.00} while pictures are drawn, {afterwards:0.00} after"));
        }

        output.WriteLine(FormattableString.Invariant($"training slowed {Middle(during):0.00} times while pictures are drawn, {Middle(after):0.00} times after (medians of {rounds})"));
        output.WriteLine(FormattableString.Invariant($"first step after the request: {1e3 * Middle(firstSteps):0} ms (median), {1e3 * firstSteps.Max():0} ms (longest of {firstSteps.Count})"));
    }

    private static double FirstStepOf(DiffusionModel model, CancellationToken stop)
    {
        var first = new FirstReport();
        model.Sample(new SampleRequest { Count = 1, Sampler = new SamplerConfig { Kind = SamplerKind.DpmSolver, Steps = Steps } }, first, stop);
        return first.Seconds;
    }

    private static double Middle(List<double> values) => values.Order().ElementAt(values.Count / 2);

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
