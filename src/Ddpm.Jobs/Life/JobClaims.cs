using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Life;

/// <summary>Takes jobs for this process.</summary>
public sealed class JobClaims(
    IDbContextFactory<DdpmDbContext> databases, WorkerIdentity identity, IOptions<LeaseOptions> options, TimeProvider clock, JobMetrics metrics,
    ILogger<JobLease> logger)
{
    private const string Queued = nameof(JobStatus.Queued);
    private const string Running = nameof(JobStatus.Running);

    /// <summary>Claims a job that waits, or whose holder has let its lease run out.</summary>
    /// <param name="jobId">The row.</param>
    /// <param name="shutdown">Cancelled when this process is to stop; stops the work that the lease stands for.</param>
    /// <returns>The lease, which the caller ends or disposes; null if the job is held, has ended, is to be cancelled or is not there.</returns>
    public async Task<JobLease?> TryClaimAsync(Guid jobId, CancellationToken shutdown)
    {
        var settings = options.Value;
        // Not until the process is to stop: a delivery that is given up here would be nobody's for a while, and what is claimed now is handed back at once.
        await using var db = await databases.CreateDbContextAsync(CancellationToken.None);
        var started = clock.GetTimestamp();
        var now = await db.NowAsync(clock, CancellationToken.None);
        var expiresAt = now + settings.LeaseDuration;

        // One statement, which both databases understand: what it changed is what it returns.
        var claimed = await db.Jobs.FromSql($"""
            UPDATE "Jobs" SET
                "LostLeases" = CASE WHEN "Status" = {Running} THEN "LostLeases" + 1 ELSE "LostLeases" END,
                "Status" = {Running},
                "Owner" = {identity.Name},
                "LeaseEpoch" = "LeaseEpoch" + 1,
                "LeaseExpiresAt" = {expiresAt},
                "StartedAt" = COALESCE("StartedAt", {now})
            WHERE "Id" = {jobId} AND NOT "CancelRequested" AND ("Status" = {Queued}
                OR ("Status" = {Running} AND "LeaseExpiresAt" < {now} AND "LostLeases" + 1 < {settings.MaxLostLeases}))
            RETURNING "Id", "Kind", "Status", "Owner", "LeaseEpoch", "LeaseExpiresAt", "LostLeases", "CancelRequested", "Progress", "Error", "DispatchId",
                "CreatedAt", "StartedAt", "EndedAt", "Account", "TraceParent", "RequestId", "Operations"
            """).AsNoTracking().ToListAsync(CancellationToken.None); // given up half-way it might have been claimed all the same
        if (claimed is not [var job])
            return null;
        metrics.Claimed(job);
        return new JobLease(job, started, databases, settings, clock, metrics, logger, shutdown);
    }
}
