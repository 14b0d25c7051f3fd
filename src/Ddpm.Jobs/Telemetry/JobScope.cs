using Ddpm.Jobs.Life;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Telemetry;

/// <summary>Gives every line that is logged on this thread the ids of a job.</summary>
public static class JobScope
{
    /// <summary>The row's id.</summary>
    public const string JobId = "JobId";

    /// <summary>Which claim of it this is: <see cref="Job.LeaseEpoch"/>.</summary>
    public const string Attempt = "Attempt";

    /// <summary>The request that asked for it, as its answer said in <c>X-Request-Id</c>.</summary>
    public const string RequestId = "RequestId";

    /// <summary>Begins it; the caller ends it.</summary>
    public static IDisposable? Begin(ILogger logger, Job job)
    {
        ArgumentNullException.ThrowIfNull(job);
        return logger.BeginScope(new KeyValuePair<string, object?>[] { new(JobId, job.Id), new(Attempt, job.LeaseEpoch), new(RequestId, job.RequestId) });
    }
}
