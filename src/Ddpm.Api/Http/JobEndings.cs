using Ddpm.Api.Keys;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Http;

/// <summary>Stopping jobs, for requests to cancel and to delete.</summary>
internal static class JobEndings
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Cancels a job and waits a moment for its end, so that what it writes can be deleted.</summary>
    /// <returns>Null where it has ended, else the answer that asks to try again.</returns>
    public static async Task<ProblemHttpResult?> StopAsync(
        Job job, HttpContext context, JobControl control, DdpmDbContext db, CancellationToken cancellationToken)
    {
        db.RequireOwn(job.Account);
        if (job.HasEnded)
            return null;
        await control.CancelAsync(job.Id, cancellationToken);
        if (await Preference.UntilEndedAsync(job.Id, Patience, db, cancellationToken))
            return null;
        context.Response.Headers.RetryAfter = "5";
        return Problems.Conflict("A worker is still at it. It has been asked to stop; delete again in a few seconds.");
    }

    /// <summary>Asks a job to stop.</summary>
    /// <returns>Null where it will, or has been cancelled before; else the answer that says why not.</returns>
    public static async Task<ProblemHttpResult?> CancelAsync(Job job, JobControl control, DdpmDbContext db, CancellationToken cancellationToken)
    {
        db.RequireOwn(job.Account);
        if (await control.CancelAsync(job.Id, cancellationToken) != CancelOutcome.AlreadyEnded)
            return null;
        var status = await db.Jobs.Where(row => row.Id == job.Id).Select(row => row.Status).SingleAsync(cancellationToken);
        return status == JobStatus.Cancelled ? null : Problems.Conflict($"It has ended already: {status.ToString().ToLowerInvariant()}.");
    }
}
