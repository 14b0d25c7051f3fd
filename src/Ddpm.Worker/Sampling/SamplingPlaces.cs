using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>How many sample batches this process works on at once: those of one model share its network's calls.</summary>
internal sealed class SamplingPlaces(IOptions<WorkerOptions> options) : IDisposable
{
    public SemaphoreSlim Free { get; } = new(options.Value.SamplingConcurrency);

    public void Dispose() => Free.Dispose();
}
