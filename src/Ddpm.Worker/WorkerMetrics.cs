using System.Diagnostics.Metrics;
using Ddpm.Jobs.Telemetry;
using Ddpm.Worker.Sampling;

namespace Ddpm.Worker;

/// <summary>What the device of this process does: pictures drawn and trained on, how long a step takes, how full the network's calls and the memory are.</summary>
internal sealed class WorkerMetrics : IHostedService, IDisposable
{
    private readonly Meter _meter = new(Tracing.Name);
    private readonly Counter<long> _drawn;
    private readonly Counter<long> _trained;
    private readonly Histogram<double> _drawingStep;
    private readonly Histogram<double> _trainingStep;

    public WorkerMetrics(ModelCache models, WorkerDevice device)
    {
        _drawn = _meter.CreateCounter<long>("ddpm.sampling.images", "{image}", "Pictures drawn for sample requests.");
        _trained = _meter.CreateCounter<long>("ddpm.training.images", "{image}", "Pictures that training steps were taken on, repeats included.");
        _drawingStep = _meter.CreateHistogram("ddpm.sampling.step.duration", "s", "A step of a sample request, waiting for others' included: its mean over the request.", advice: JobMetrics.Seconds(0.0001, 100));
        _trainingStep = _meter.CreateHistogram("ddpm.training.step.duration", "s", "An optimizer step, without previews and checkpoints.", advice: JobMetrics.Seconds(0.0001, 100));
        _meter.CreateObservableCounter("ddpm.network.calls", () => models.Asked.Calls, "{call}", "Network calls of sampling.");
        _meter.CreateObservableCounter("ddpm.network.rows", () => models.Asked.Rows, "{row}", "Pictures of those calls, guided ones twice; a call's share of them is the occupancy of the batch.");
        _meter.CreateObservableGauge("ddpm.models.loaded", () => models.Count, "{model}", "Models in memory.");
        _meter.CreateObservableGauge("ddpm.device.memory.used", () => Of(device, device.UsedBytes), "By", "Memory of the device that is taken, on a CPU by this process.");
        _meter.CreateObservableGauge("ddpm.device.memory.limit", () => Of(device, device.LimitBytes), "By", "Memory that the device has, on a CPU that this process may have.");
    }

    public void Drawn(int images, int steps, TimeSpan duration)
    {
        _drawn.Add(images);
        if (steps > 0)
            _drawingStep.Record(duration.TotalSeconds / steps);
    }

    public void Trained(int images, TimeSpan? duration)
    {
        _trained.Add(images);
        if (duration is { } known)
            _trainingStep.Record(known.TotalSeconds);
    }

    Task IHostedService.StartAsync(CancellationToken cancellationToken)
    {
        _drawn.Add(0);
        _trained.Add(0);
        return Task.CompletedTask;
    }

    Task IHostedService.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> Of(WorkerDevice device, long? bytes) => bytes is { } known ? [new(known, new KeyValuePair<string, object?>("device", device.Name))] : [];
}
