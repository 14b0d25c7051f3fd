namespace Ddpm.Api.Admission;

/// <summary>What of a request that costs too much would be accepted.</summary>
internal static class CostLimit
{
    /// <summary>The largest number below what was asked for whose cost is within a limit.</summary>
    /// <param name="asked">Costs too much.</param>
    /// <param name="limit">Operations.</param>
    /// <param name="costOf">Operations of a number; never falls.</param>
    /// <returns>0 where even 1 costs too much.</returns>
    public static long MostWithin(long asked, double limit, Func<long, double> costOf)
    {
        var (within, beyond) = (0L, asked);
        while (beyond - within > 1)
        {
            var between = within + ((beyond - within) / 2);
            (within, beyond) = costOf(between) <= limit ? (between, beyond) : (within, between);
        }

        return within;
    }
}
