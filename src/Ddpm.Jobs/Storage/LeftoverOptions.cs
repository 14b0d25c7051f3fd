using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Storage;

/// <summary>When files that nobody will ask for are deleted, and keys of requests forgotten. Settings of the section <c>Leftovers</c>; the same in every process.</summary>
public sealed record LeftoverOptions
{
    /// <summary>What is put together for longer than this was given up: longer than any dataset or checkpoint takes. From 1 second to 30 days; default 2 days.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan StagingAge { get; init; } = TimeSpan.FromDays(2);

    /// <summary>What is younger may still get its row. From 1 second to 30 days; default 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan ArtifactAge { get; init; } = TimeSpan.FromDays(1);

    /// <summary>An <c>Idempotency-Key</c> that was used longer ago is forgotten: with it the request would be a new one. From 1 hour to 3650 days; default 30 days.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "3650.00:00:00")]
    public TimeSpan KeyAge { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How often every process looks. From 1 second to 30 days; default 6 hours.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "30.00:00:00")]
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromHours(6);
}
