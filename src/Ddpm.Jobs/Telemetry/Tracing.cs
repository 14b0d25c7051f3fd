using System.Diagnostics;
using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Telemetry;

/// <summary>The spans that this service makes beside those of its libraries. A job's is a child of the request that asked for it, in whatever process it runs.</summary>
public static class Tracing
{
    /// <summary>Name of the source, and of the meter beside it: <see cref="JobMetrics"/>.</summary>
    public const string Name = "Ddpm";

    /// <summary>Longest <see cref="Job.TraceParent"/>: W3C Trace Context, version 00.</summary>
    public const int LongestTraceParent = 55;

    /// <summary>Longest <see cref="Job.RequestId"/>.</summary>
    public const int LongestRequestId = 64;

    /// <summary>Makes the spans.</summary>
    public static ActivitySource Source { get; } = new(Name);

    /// <summary>The span that is open on this thread, as another process can go on from it; null where there is none.</summary>
    public static string? Parent => Activity.Current is { IdFormat: ActivityIdFormat.W3C, Id: { Length: <= LongestTraceParent } id } ? id : null;

    /// <summary>Begins the span of one attempt at a job, on the thread that does its work.</summary>
    /// <returns>The caller ends it; null where nobody listens.</returns>
    public static Activity? StartJob(Job job)
    {
        ArgumentNullException.ThrowIfNull(job);
        _ = ActivityContext.TryParse(job.TraceParent, traceState: null, isRemote: true, out var parent);
        return Source.StartActivity($"job {JobMetrics.NameOf(job.Kind)}", ActivityKind.Consumer, parent, tags:
        [
            new("ddpm.job.id", job.Id.ToString()),
            new("ddpm.job.kind", JobMetrics.NameOf(job.Kind)),
            new("ddpm.job.attempt", job.LeaseEpoch),
            new("ddpm.request.id", job.RequestId),
        ]);
    }

    /// <summary>Begins a span of a part of what this thread does.</summary>
    /// <returns>The caller ends it; null where nobody listens.</returns>
    public static Activity? Start(string part) => Source.StartActivity(part);
}
