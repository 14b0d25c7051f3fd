using Ddpm.Jobs.Life;
using Hangfire;

namespace Ddpm.Jobs.Datasets;

/// <summary>Decodes the pictures of one dataset into its cache.</summary>
/// <remarks>May be delivered more than once: whoever cannot claim the row leaves. A failure is written to the row, never retried by Hangfire, whose own record of it goes after a day.</remarks>
public interface IDatasetJob
{
    /// <summary>Claims the job and works until it ends, is cancelled, is taken away or the process stops.</summary>
    /// <param name="jobId">Id of the <see cref="Job"/> row.</param>
    /// <param name="cancellationToken">Hangfire's: the server stops, or the dispatch was deleted.</param>
    [Queue(Queues.Data), AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete)]
    Task RunAsync(Guid jobId, CancellationToken cancellationToken);
}
