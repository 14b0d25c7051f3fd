using Ddpm.Api.Http;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Samples;

/// <summary>Which precisions the workers have.</summary>
internal static class PrecisionRules
{
    /// <summary>Refuses what no worker that lives could draw in. Where none lives, one with a GPU may still come: the worker itself has the last word.</summary>
    /// <exception cref="RequestProblem">Only CPUs are at work, which lack the precision.</exception>
    public static async Task CheckAsync(SamplingSpec spec, DdpmDbContext db, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (spec.Precision is "float32" or "bfloat16")
            return;
        var since = clock.GetUtcNow().UtcDateTime - WorkerPresence.Limit;
        var devices = await db.Workers.AsNoTracking().Where(worker => worker.SeenAt >= since).Select(worker => worker.Device).ToListAsync(cancellationToken);
        if (devices.Count > 0 && devices.All(device => device.StartsWith("cpu", StringComparison.Ordinal)))
            throw Faults.One("precision", $"must be float32 or bfloat16: only CPUs are at work, and {spec.Precision} is for a GPU");
    }
}
