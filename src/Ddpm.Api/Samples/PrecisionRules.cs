using Ddpm.Api.Http;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Samples;

/// <summary>Which precisions the workers have.</summary>
internal static class PrecisionRules
{
    /// <summary>Refuses what a worker that lives could not draw in, also where others could: any of them may be the one that takes the job, and it would fail there.
    /// Where none lives, one with a GPU may still come: the worker itself has the last word.</summary>
    /// <exception cref="RequestProblem">A worker lacks the precision.</exception>
    public static async Task CheckAsync(SamplingSpec spec, DdpmDbContext db, TimeProvider clock, CancellationToken cancellationToken)
    {
        if (spec.Precision is "float32" or "bfloat16")
            return;
        var since = await db.NowAsync(clock, cancellationToken) - WorkerPresence.Limit;
        var devices = await db.Workers.AsNoTracking().Where(worker => worker.SeenAt >= since).Select(worker => worker.Device).ToListAsync(cancellationToken);
        var cpus = devices.Count(device => device.StartsWith("cpu", StringComparison.Ordinal));
        if (cpus == 0)
            return;
        var who = cpus == devices.Count ? "only CPUs are at work" : "not every worker has a GPU";
        throw Faults.One("precision", $"must be float32 or bfloat16: {who}, and {spec.Precision} is for a GPU");
    }
}
