using System.Diagnostics;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using TorchSharp;

namespace Ddpm.Cli.Bench;

/// <summary>What sharing the network's calls is worth to those who ask at once: in this process, by the engine, without a server.</summary>
internal static class SharedCallsBench
{
    private const int Clients = 32;
    private const int Steps = 20;
    private const int LargeCount = 16;
    private const int LargeSteps = 1000;

    private static readonly SamplerKind[] Samplers = [SamplerKind.Ddim, SamplerKind.Ddpm, SamplerKind.DpmSolver, SamplerKind.Euler, SamplerKind.UniPc, SamplerKind.SdeDpmSolver];

    public static IEnumerable<BenchReport> Measure(BenchOptions options)
    {
        options.RequireNoClasses("shared-calls");
        foreach (var precision in options.Precisions)
            yield return Measure(options, precision);
    }

    private static BenchReport Measure(BenchOptions options, SamplingPrecision precision)
    {
        using var model = DiffusionModel.Load(options.ModelFolder, options.Device, precision, options.Cuda, options.Threads);
        return BenchReport.Join([CompareTogetherWithInTurn(model, options), CompareBesideALargeJob(model, options)]).About(options.ModelName, precision: precision.Name());
    }

    private static BenchReport CompareTogetherWithInTurn(DiffusionModel model, BenchOptions options)
    {
        var requests = Enumerable.Range(0, Clients).Select(Small).ToArray();
        var stop = options.CancellationToken;
        Draw(model, requests[0], stop);
        Together(model, requests, stop);
        var (inTurn, atOnce, rows, different) = (new List<double>(), new List<double>(), new List<double>(), 0);
        for (var round = 0; round < options.Runs; round++)
        {
            var began = Stopwatch.GetTimestamp();
            var alone = requests.Select(request => Draw(model, request, stop)).ToArray();
            var between = Stopwatch.GetTimestamp();
            var (callsBefore, rowsBefore) = (model.Meter.Calls, model.Meter.Rows);
            var together = Together(model, requests, stop);
            atOnce.Add(Seconds(between, Stopwatch.GetTimestamp()));
            inTurn.Add(Seconds(began, between));
            rows.Add((double)(model.Meter.Rows - rowsBefore) / (model.Meter.Calls - callsBefore));
            different += alone.Zip(together).Count(pair => !pair.First.Pixels.AsSpan().SequenceEqual(pair.Second.Pixels));
        }

        return BenchReport.Of(
            [
                Bench.Measure.Of($"{Clients} requests of 1 picture, {Steps} steps, in turn", "images/s", [.. inTurn.Select(seconds => Clients / seconds)]),
                Bench.Measure.Of("the same at once", "images/s", [.. atOnce.Select(seconds => Clients / seconds)]),
                Bench.Measure.Of("pictures a call, at once", "", rows),
            ],
            [Ratio.OfPairs("in turn / at once", inTurn, atOnce)],
            // A GPU computes a picture of many otherwise than one alone, in the last digits.
            options.Device.type == DeviceType.CPU ? [new Check("pictures that are not those drawn alone, byte for byte", different, 0)] : []);
    }

    private static BenchReport CompareBesideALargeJob(DiffusionModel model, BenchOptions options)
    {
        var (alone, beside, calls, stop) = (new List<double>(), new List<double>(), new List<double>(), options.CancellationToken);
        for (var round = 0; round < options.Runs; round++)
        {
            for (var n = 0; n < 4; n++)
                alone.Add(Seconds(() => Draw(model, Small(n), stop)));
            using var large = new LargeJob(model, stop);
            large.WaitForCalls(30);
            calls.AddRange(large.SecondsBetweenCalls());
            for (var n = 0; n < 8; n++)
                beside.Add(Seconds(() => Draw(model, Small(n), stop)));
        }

        var (solo, call) = (Spread.Of(alone).Median, Spread.Of(calls).Median);
        var late = Spread.Quantile([.. beside.Order()], 0.95);
        return BenchReport.Of(
            [
                Bench.Measure.Of($"1 picture of {Steps} steps, alone", "ms", [.. alone.Select(seconds => 1e3 * seconds)]),
                Bench.Measure.Of($"beside {LargeCount} pictures of {LargeSteps} steps", "ms", [.. beside.Select(seconds => 1e3 * seconds)]),
                Bench.Measure.Of("one call of the large job", "ms", 1e3 * call),
            ],
            [new Ratio("(p95 beside − one large call) / alone", Spread.Of([(late - call) / solo]))]);
    }

    private static SampleRequest Small(int client) =>
        new() { Count = 1, Seed = (ulong)client, Sampler = new SamplerConfig { Kind = Samplers[client % Samplers.Length], Steps = Steps } };

    private static PixelBatch Draw(DiffusionModel model, SampleRequest request, CancellationToken stop) => model.Sample(request, progress: null, stop);

    private static PixelBatch[] Together(DiffusionModel model, SampleRequest[] requests, CancellationToken stop)
    {
        var drawn = new PixelBatch[requests.Length];
        var clients = requests.Select((request, index) => new BackgroundWork(() => drawn[index] = Draw(model, request, stop))).ToList();
        clients.ForEach(client => client.Join());
        clients.ForEach(client => client.Finish());
        return drawn;
    }

    private static double Seconds(Action work)
    {
        var began = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static double Seconds(long began, long ended) => Stopwatch.GetElapsedTime(began, ended).TotalSeconds;

    /// <summary>A job that never ends by itself.</summary>
    private sealed class LargeJob : IProgress<SamplingProgress>, IDisposable
    {
        private readonly CancellationTokenSource _stop;
        private readonly List<long> _calls = [];
        private readonly BackgroundWork _work;

        public LargeJob(DiffusionModel model, CancellationToken stop)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var request = new SampleRequest { Count = LargeCount, Sampler = new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = Math.Min(LargeSteps, model.Schedule.Timesteps) } };
            _work = new BackgroundWork(() => model.Sample(request, this, _stop.Token));
        }

        public void Report(SamplingProgress value)
        {
            lock (_calls)
                _calls.Add(Stopwatch.GetTimestamp());
        }

        public void WaitForCalls(int count)
        {
            while (SecondsBetweenCalls().Count() < count && !_work.HasEnded)
                Thread.Sleep(1);
            if (_work.HasEnded)
                _work.Finish(); // with what ended it
        }

        public IEnumerable<double> SecondsBetweenCalls()
        {
            lock (_calls)
                return [.. _calls.Zip(_calls.Skip(1), Seconds)];
        }

        public void Dispose()
        {
            _stop.Cancel();
            _work.Join();
            _stop.Dispose();
        }
    }
}
