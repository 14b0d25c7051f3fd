using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Telemetry;

/// <summary>What becomes of jobs and leases in this process, counted.</summary>
public sealed class JobMetrics : IDisposable
{
    private readonly Meter _meter = new(Tracing.Name);
    private readonly Counter<long> _claimed;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _renewals;
    private readonly Counter<long> _lost;
    private readonly Histogram<double> _wait;
    private readonly Histogram<double> _duration;

    /// <summary>Makes the instruments.</summary>
    public JobMetrics()
    {
        _claimed = _meter.CreateCounter<long>("ddpm.jobs.claimed", "{job}", "Jobs that this process began to work on.");
        _ended = _meter.CreateCounter<long>("ddpm.jobs.ended", "{job}", "Jobs that this process has done with, by outcome.");
        _failures = _meter.CreateCounter<long>("ddpm.jobs.failures", "{job}", "Jobs that failed, by why.");
        _renewals = _meter.CreateCounter<long>("ddpm.leases.renewals", "{renewal}", "Leases renewed, or not to be renewed, by outcome.");
        _lost = _meter.CreateCounter<long>("ddpm.leases.lost", "{lease}", "Leases that ran out, by who saw it: their holder, or who takes jobs back from the dead.");
        _wait = _meter.CreateHistogram<double>("ddpm.jobs.wait.duration", "s", "From the request to the first claim.", advice: Seconds(0.01, 3600));
        _duration = _meter.CreateHistogram<double>("ddpm.jobs.duration", "s", "From a claim to its end.", advice: Seconds(0.01, 86_400));
        var startedAt = (DateTimeOffset)Process.GetCurrentProcess().StartTime;
        _meter.CreateObservableGauge("ddpm.process.start.time", () => startedAt.ToUnixTimeMilliseconds() / 1000.0, "s", "When this process started, since 1970.");
    }

    /// <summary>A kind as metrics and spans name it.</summary>
    public static string NameOf(JobKind kind) => kind switch
    {
        JobKind.ModelImport => "model_import",
        JobKind.Dataset => "dataset",
        JobKind.Training => "training",
        JobKind.Sampling => "sampling",
        JobKind.Evaluation => "evaluation",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "No such kind of job."),
    };

    /// <summary>Bounds of a histogram: each about three times the one before, as 1, 3, 10 and so on.</summary>
    public static InstrumentAdvice<double> Seconds(double least, double most)
    {
        List<double> bounds = [];
        for (var bound = least; bound < most; bound *= 10)
            bounds.AddRange([bound, 3 * bound]);
        return new() { HistogramBucketBoundaries = [.. bounds.Select(bound => Math.Round(bound, 6))] };
    }

    /// <summary>Counters that alerts watch begin at 0, or their first rise would not be seen.</summary>
    public void BeginAtZero()
    {
        foreach (var kind in Enum.GetValues<JobKind>())
        {
            _claimed.Add(0, Kind(kind));
            foreach (var outcome in Enum.GetValues<JobOutcome>())
                _ended.Add(0, Kind(kind), Outcome(outcome));
            foreach (var reason in FailureReason.All)
                _failures.Add(0, Kind(kind), new("reason", reason));
        }

        foreach (var renewed in (bool[])[true, false])
            Renewed(renewed, 0);
        foreach (var seenByHolder in (bool[])[true, false])
            Lost(seenByHolder, 0);
    }

    /// <summary>A job has been claimed.</summary>
    public void Claimed(Job job)
    {
        ArgumentNullException.ThrowIfNull(job);
        _claimed.Add(1, Kind(job.Kind));
        if (job is { LeaseEpoch: 1, StartedAt: { } startedAt })
            _wait.Record(Math.Max(0, (startedAt - job.CreatedAt).TotalSeconds), Kind(job.Kind));
    }

    /// <summary>This process has done with a job.</summary>
    public void Ended(JobKind kind, JobOutcome outcome, TimeSpan duration)
    {
        _ended.Add(1, Kind(kind), Outcome(outcome));
        _duration.Record(duration.TotalSeconds, Kind(kind), Outcome(outcome));
    }

    /// <summary>A job has failed.</summary>
    /// <param name="kind">What it was.</param>
    /// <param name="reason">One of <see cref="FailureReason"/>.</param>
    public void Failed(JobKind kind, string reason) => _failures.Add(1, Kind(kind), new("reason", reason));

    /// <summary>A lease was to be renewed.</summary>
    internal void Renewed(bool succeeded, int leases = 1) => _renewals.Add(leases, new KeyValuePair<string, object?>("outcome", succeeded ? "renewed" : "refused"));

    /// <summary>Leases are lost.</summary>
    internal void Lost(bool seenByHolder, int leases = 1) => _lost.Add(leases, new KeyValuePair<string, object?>("seen_by", seenByHolder ? "holder" : "reconciler"));

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Kind(JobKind kind) => new("kind", NameOf(kind));

    private static KeyValuePair<string, object?> Outcome(JobOutcome outcome) => new("outcome", outcome switch
    {
        JobOutcome.HandedBack => "handed_back",
        JobOutcome.CutOff => "cut_off",
        JobOutcome.Lost => "lost",
        JobOutcome.Succeeded => "succeeded",
        JobOutcome.Failed => "failed",
        _ => "cancelled",
    });
}
