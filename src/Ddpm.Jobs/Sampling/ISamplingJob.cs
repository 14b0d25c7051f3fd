using Ddpm.Jobs.Life;
using Hangfire;

namespace Ddpm.Jobs.Sampling;

/// <summary>Draws the pictures of one batch.</summary>
/// <remarks>May be delivered more than once: whoever cannot claim the row leaves. A failure is written to the row, never retried by Hangfire, whose own record of it goes after a day.</remarks>
public interface ISamplingJob
{
    /// <summary>Waits for one of the process's places for sample batches, claims the job, and returns once its work has begun. The row says how that ends; the process
    /// waits for it when it stops.</summary>
    /// <remarks>So a few of Hangfire's workers, each of which may hold a database connection while it waits for jobs, start many batches that share calls.</remarks>
    /// <param name="jobId">Id of the <see cref="Job"/> row.</param>
    /// <param name="cancellationToken">Hangfire's: the server stops, or the dispatch was deleted.</param>
    [Queue(Queues.Sampling), AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete)]
    Task RunAsync(Guid jobId, CancellationToken cancellationToken);
}
