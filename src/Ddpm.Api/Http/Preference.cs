using System.Globalization;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Http;

/// <summary>How long the sender would rather wait for the result than get 202 (<c>Prefer: wait=N</c>, RFC 7240). Zero without the header.</summary>
internal sealed record Preference(TimeSpan Wait)
{
    private const int LongestWaitSeconds = 60;

    private static readonly TimeSpan FirstPoll = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan SlowestPoll = TimeSpan.FromMilliseconds(200);

    /// <summary>Reads the header; what is not understood is ignored, as RFC 7240 asks.</summary>
    public static ValueTask<Preference> BindAsync(HttpContext context)
    {
        foreach (var preference in context.Request.Headers["Prefer"].SelectMany(value => (value ?? "").Split(',', ';')))
        {
            var (name, value) = preference.Split('=', 2) is [var left, var right] ? (left.Trim(), right.Trim().Trim('"')) : (preference.Trim(), "");
            if (!name.Equals("wait", StringComparison.OrdinalIgnoreCase))
                continue;
            if (value.Length == 0)
                return new(new Preference(TimeSpan.FromSeconds(LongestWaitSeconds)));
            if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                return new(new Preference(TimeSpan.FromSeconds(Math.Min(seconds, LongestWaitSeconds))));
        }

        return new(new Preference(TimeSpan.Zero));
    }

    /// <summary>Waits for a job to end.</summary>
    /// <returns>Whether it has.</returns>
    public async Task<bool> UntilEndedAsync(Guid jobId, HttpContext context, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (Wait == TimeSpan.Zero)
            return false;
        context.Response.Headers["Preference-Applied"] = $"wait={Wait.TotalSeconds:0}";
        return await UntilEndedAsync(jobId, Wait, db, cancellationToken);
    }

    public static async Task<bool> UntilEndedAsync(Guid jobId, TimeSpan limit, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var clock = TimeProvider.System;
        var (start, poll) = (clock.GetTimestamp(), FirstPoll);
        while (true)
        {
            var active = await db.Jobs.AnyAsync(
                job => job.Id == jobId && (job.Status == JobStatus.Queued || job.Status == JobStatus.Running), cancellationToken);
            if (!active)
                return true;
            var left = limit - clock.GetElapsedTime(start);
            if (left <= TimeSpan.Zero)
                return false;
            // Short work is answered at once, long work is not asked about more often than a person could notice.
            await Task.Delay(left < poll ? left : poll, cancellationToken);
            poll = poll * 1.25 < SlowestPoll ? poll * 1.25 : SlowestPoll;
        }
    }
}
