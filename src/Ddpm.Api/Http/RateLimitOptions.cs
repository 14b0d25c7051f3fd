using System.ComponentModel.DataAnnotations;

namespace Ddpm.Api.Http;

/// <summary>Settings under <c>RateLimits</c>: how often somebody may ask. The defaults are more than a person with a page, or a script that waits for its answers, ever does.</summary>
internal sealed record RateLimitOptions
{
    /// <summary>Requests a second of one key, over time; default 200.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerSecond { get; init; } = 200;

    /// <summary>Requests of one key at once, after a pause; default 2000.</summary>
    [Range(1, 10_000_000)]
    public int Burst { get; init; } = 2000;

    /// <summary>Requests of one key in progress at once, event streams not counted; default 64.</summary>
    [Range(1, 100_000)]
    public int AtOnce { get; init; } = 64;

    /// <summary>Of those, with bodies of more than 64 KiB that are read into memory (pictures in JSON, not uploads); default 8.</summary>
    [Range(1, 100_000)]
    public int LargeBodies { get; init; } = 8;

    /// <summary>Event streams that one key may have open; default 50.</summary>
    [Range(1, 100_000)]
    public int Streams { get; init; } = 50;

    /// <summary>Requests a second of one address without a key that counts, over time; default 10. Wrong keys are such requests too.</summary>
    [Range(1, 1_000_000)]
    public int AnonymousRequestsPerSecond { get; init; } = 10;

    /// <summary>Requests of one address without a key at once; default 100.</summary>
    [Range(1, 10_000_000)]
    public int AnonymousBurst { get; init; } = 100;

    /// <summary>How long an answer may take; default 100 seconds, room for the longest that may be asked to wait, 60 s, and the work around it. From 1 second to 1 hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan LongestAnswer { get; init; } = TimeSpan.FromSeconds(100);
}
