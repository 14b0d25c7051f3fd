using Ddpm.Jobs.Life;
using Hangfire;

namespace Ddpm.Jobs.Training;

/// <summary>Trains one run to its end, going on from its newest good checkpoint.</summary>
/// <remarks>May be delivered more than once: whoever cannot claim the row leaves. A failure is written to the row, never retried by Hangfire, whose own record of it goes after a day.</remarks>
public interface ITrainingJob
{
    /// <summary>Claims the job and works until it ends, is cancelled, is taken away or the process stops.</summary>
    /// <param name="jobId">Id of the <see cref="Job"/> row.</param>
    /// <param name="cancellationToken">Hangfire's: the server stops, or the dispatch was deleted.</param>
    [Queue(Queues.Training), AutomaticRetry(Attempts = 0, OnAttemptsExceeded = AttemptsExceededAction.Delete)]
    Task RunAsync(Guid jobId, CancellationToken cancellationToken);
}
