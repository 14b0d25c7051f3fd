using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Life;

/// <summary>Takes jobs for this process.</summary>
public sealed class JobClaims(
    IDbContextFactory<DdpmDbContext> databases, WorkerIdentity identity, IOptions<LeaseOptions> options, TimeProvider clock, ILogger<JobLease> logger)
{
    /// <summary>Claims a job that waits, or whose holder has let its lease run out.</summary>
    /// <param name="jobId">The row.</param>
    /// <param name="shutdown">Cancelled when this process is to stop; stops the work that the lease stands for.</param>
    /// <returns>The lease, which the caller ends or disposes; null if the job is held, has ended, is to be cancelled or is not there.</returns>
    public async Task<JobLease?> TryClaimAsync(Guid jobId, CancellationToken shutdown)
    {
        var settings = options.Value;
        await using var db = await databases.CreateDbContextAsync(shutdown);
        await using var transaction = await db.Database.BeginTransactionAsync(shutdown);
        var started = clock.GetTimestamp();
        var now = clock.GetUtcNow().UtcDateTime;
        var expiresAt = now + settings.LeaseDuration;
        var claimed = await db.Jobs
            .Where(j => j.Id == jobId && !j.CancelRequested && (j.Status == JobStatus.Queued
                || (j.Status == JobStatus.Running && j.LeaseExpiresAt < now && j.LostLeases + 1 < settings.MaxLostLeases)))
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(j => j.LostLeases, j => j.Status == JobStatus.Running ? j.LostLeases + 1 : j.LostLeases)
                    .SetProperty(j => j.Status, JobStatus.Running)
                    .SetProperty(j => j.Owner, identity.Name)
                    .SetProperty(j => j.LeaseEpoch, j => j.LeaseEpoch + 1)
                    .SetProperty(j => j.LeaseExpiresAt, expiresAt)
                    .SetProperty(j => j.StartedAt, j => j.StartedAt ?? now),
                shutdown);
        if (claimed == 0)
            return null;

        var job = await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == jobId, shutdown);
        await transaction.CommitAsync(shutdown);
        return new JobLease(job, started, databases, settings, clock, logger, shutdown);
    }
}
