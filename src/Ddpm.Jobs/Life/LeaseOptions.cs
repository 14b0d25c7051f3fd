using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Life;

/// <summary>How long a silent worker keeps its job. Settings of the section <c>Worker</c>; the same in every process.</summary>
/// <remarks>The database's clock judges, whatever those of the machines say. If it is set forward, jobs may be taken from workers that live, which costs time but no correctness: the
/// fencing token still decides who may write.</remarks>
public sealed record LeaseOptions
{
    /// <summary>A worker that has not renewed for so long loses the job. From 1 second to 1 hour; default 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How often a worker renews; less than half of <see cref="LeaseDuration"/>. From 50 milliseconds; default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:30:00")]
    public TimeSpan LeaseRenewal { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a running job looks for a request to stop. From 10 milliseconds; default half a second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:10")]
    public TimeSpan CancelPoll { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How often every process looks for jobs that nobody carries or holds. From 100 milliseconds; default 10 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan ReconcileInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>So many leases lost in a row, without a checkpoint in between, and the job fails. From 1 to 100; default 5.</summary>
    [Range(1, 100)]
    public int MaxLostLeases { get; init; } = 5;
}
