using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Sampling;

/// <summary>How many sample batches this process works on at once: those of one model share its network's calls.</summary>
internal sealed class SamplingPlaces(IOptions<WorkerOptions> options) : IDisposable
{
    private const int OneKeptFor = 4;

    /// <summary>For whoever comes.</summary>
    public SemaphoreSlim Free { get; } = new(options.Value.SamplingConcurrency);

    /// <summary>A quarter as many beside them, while those are taken, for what goes ahead (<see cref="Ddpm.Jobs.Life.JobTurns.GoesAheadAsync"/>): large requests may hold the others for hours.</summary>
    public SemaphoreSlim Kept { get; } = new(options.Value.SamplingConcurrency / OneKeptFor);

    public void Dispose()
    {
        Free.Dispose();
        Kept.Dispose();
    }
}
