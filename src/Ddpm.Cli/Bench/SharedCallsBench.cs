using System.Diagnostics;
using Ddpm.Engine;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>What sharing the network's calls is worth to those who ask at once: in this process, by the engine, without a server.</summary>
internal static class SharedCallsBench
{
    private const int Clients = 32;
    private const int Steps = 20;
    private const int LargeCount = 16;
    private const int LargeSteps = 1000;

    private static readonly SamplerKind[] Samplers = [SamplerKind.Ddim, SamplerKind.Ddpm, SamplerKind.DpmSolver, SamplerKind.Euler, SamplerKind.UniPc, SamplerKind.SdeDpmSolver];

    /// <summary>Measures, in turns: pictures a second of 32 clients at once against one after another, and whether all are equal byte for byte; how long a small
    /// request takes beside a large job against alone; the share of a run's time that is not the network's.</summary>
    /// <param name="modelFolder">A diffusers folder, e.g. <c>models/faces-32</c>.</param>
    /// <param name="output">Receives a line a number.</param>
    /// <param name="rounds">Of each comparison.</param>
    /// <param name="device">Where; null for the CPU.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <returns>Whether all pictures were equal.</returns>
    public static bool Run(string modelFolder, TextWriter output, int rounds = 5, Device? device = null, CancellationToken cancellationToken = default)
    {
        using var model = DiffusionModel.Load(modelFolder, device ?? CPU);
        var equal = CompareTogetherWithInTurn(model, output, rounds, cancellationToken);
        CompareBesideALargeJob(model, output, rounds, cancellationToken);
        MeasureOutsideTheNetwork(model, output, rounds, cancellationToken);
        return equal;
    }

    private static bool CompareTogetherWithInTurn(DiffusionModel model, TextWriter output, int rounds, CancellationToken stop)
    {
        var requests = Enumerable.Range(0, Clients).Select(Small).ToArray();
        Draw(model, requests[0], stop);
        Together(model, requests, stop);
        var (ratios, equal) = (new List<double>(), true);
        for (var round = 0; round < rounds; round++)
        {
            var began = Stopwatch.GetTimestamp();
            var inTurn = requests.Select(request => Draw(model, request, stop)).ToArray();
            var between = Stopwatch.GetTimestamp();
            var (calls, rows) = (model.Meter.Calls, model.Meter.Rows);
            var together = Together(model, requests, stop);
            var ended = Stopwatch.GetTimestamp();
            ratios.Add((double)(between - began) / (ended - between));
            equal &= inTurn.Zip(together).All(pair => pair.First.Pixels.AsSpan().SequenceEqual(pair.Second.Pixels));
            var (inTurnRate, rate, meanCall) = (Clients / Seconds(began, between), Clients / Seconds(between, ended), (double)(model.Meter.Rows - rows) / (model.Meter.Calls - calls));
            Line(output, $"{Clients} clients, 1 picture of {Steps} steps each: {inTurnRate:0.00} pictures/s in turn, {rate:0.00} at once, {meanCall:0.0} pictures a call");
        }

        Line(output, $"at once / in turn: {Median(ratios):0.00} times (median of {rounds}); pictures {(equal ? "equal byte for byte" : "DIFFER")}");
        return equal;
    }

    private static void CompareBesideALargeJob(DiffusionModel model, TextWriter output, int rounds, CancellationToken stop)
    {
        var (alone, beside, calls) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < rounds; round++)
        {
            for (var n = 0; n < 4; n++)
                alone.Add(Seconds(() => Draw(model, Small(n), stop)));
            using var large = new LargeJob(model, stop);
            large.WaitForCalls(30);
            calls.AddRange(large.SecondsBetweenCalls());
            for (var n = 0; n < 8; n++)
                beside.Add(Seconds(() => Draw(model, Small(n), stop)));
        }

        var (solo, call, late) = (Median(alone), Median(calls), Quantile(beside, 0.95));
        Line(output, $"1 picture of {Steps} steps: alone {1e3 * solo:0.0} ms (median); beside {LargeCount} pictures of {LargeSteps} steps {1e3 * Median(beside):0.0} ms (median), {1e3 * late:0.0} ms (p95)");
        Line(output, $"one call of the large job: {1e3 * call:0.0} ms; p95 less that is {(late - call) / solo:0.00} times alone");
    }

    private static void MeasureOutsideTheNetwork(DiffusionModel model, TextWriter output, int rounds, CancellationToken stop)
    {
        foreach (var (kind, steps) in new[] { (SamplerKind.Ddpm, 1000), (SamplerKind.Ddim, 50), (SamplerKind.DpmSolver, 20) })
        {
            var shares = new List<double>();
            var request = new SampleRequest { Count = 1, Sampler = new SamplerConfig { Kind = kind, Steps = Math.Min(steps, model.Schedule.Timesteps) }, Threads = 1 };
            for (var round = 0; round < (steps > 100 ? 2 : rounds); round++)
            {
                var before = model.Meter.Time;
                var total = Seconds(() => Draw(model, request, stop));
                shares.Add(1 - ((model.Meter.Time - before).TotalSeconds / total));
            }

            Line(output, $"{kind}, {steps} steps, 1 picture: {100 * Median(shares):0.0} % of the time outside the network");
        }
    }

    private static SampleRequest Small(int client) =>
        new() { Count = 1, Seed = (ulong)client, Sampler = new SamplerConfig { Kind = Samplers[client % Samplers.Length], Steps = Steps } };

    private static PixelBatch Draw(DiffusionModel model, SampleRequest request, CancellationToken stop) => model.Sample(request, progress: null, stop);

    private static PixelBatch[] Together(DiffusionModel model, SampleRequest[] requests, CancellationToken stop)
    {
        var drawn = new PixelBatch[requests.Length];
        var clients = requests.Select((request, index) => new Thread(() => drawn[index] = Draw(model, request, stop)) { IsBackground = true }).ToList();
        clients.ForEach(client => client.Start());
        clients.ForEach(client => client.Join());
        return drawn;
    }

    private static double Seconds(Action work)
    {
        var began = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static double Seconds(long began, long ended) => Stopwatch.GetElapsedTime(began, ended).TotalSeconds;

    private static double Median(IEnumerable<double> values) => Quantile(values, 0.5);

    private static double Quantile(IEnumerable<double> values, double quantile)
    {
        var sorted = values.Order().ToArray();
        return sorted[(int)Math.Ceiling(quantile * (sorted.Length - 1))];
    }

    private static void Line(TextWriter output, FormattableString line) => output.WriteLine(FormattableString.Invariant(line));

    /// <summary>A job that never ends by itself.</summary>
    private sealed class LargeJob : IProgress<SamplingProgress>, IDisposable
    {
        private readonly CancellationTokenSource _stop;
        private readonly List<long> _calls = [];
        private readonly Thread _thread;

        public LargeJob(DiffusionModel model, CancellationToken stop)
        {
            _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var request = new SampleRequest { Count = LargeCount, Sampler = new SamplerConfig { Kind = SamplerKind.Ddpm, Steps = Math.Min(LargeSteps, model.Schedule.Timesteps) } };
            _thread = new Thread(() =>
            {
                try
                {
                    model.Sample(request, this, _stop.Token);
                }
                catch (OperationCanceledException)
                {
                    // As it should be.
                }
            })
            { IsBackground = true };
            _thread.Start();
        }

        public void Report(SamplingProgress value)
        {
            lock (_calls)
                _calls.Add(Stopwatch.GetTimestamp());
        }

        public void WaitForCalls(int count)
        {
            while (SecondsBetweenCalls().Count() < count && _thread.IsAlive)
                Thread.Sleep(1);
        }

        public IEnumerable<double> SecondsBetweenCalls()
        {
            lock (_calls)
                return [.. _calls.Zip(_calls.Skip(1), Seconds)];
        }

        public void Dispose()
        {
            _stop.Cancel();
            _thread.Join();
            _stop.Dispose();
        }
    }
}
