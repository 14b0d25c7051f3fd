using System.Globalization;
using Ddpm.Api.Http;

namespace Ddpm.Api.Admission;

/// <summary>What is said of a request that costs too much, and what of it would be accepted.</summary>
internal static class CostLimit
{
    /// <summary>400, which names the field to lower.</summary>
    /// <param name="field">Which.</param>
    /// <param name="lead">What comes first, if anything, with a space after it.</param>
    /// <param name="operations">Asked for.</param>
    /// <param name="limit">Accepted.</param>
    /// <param name="remedy">What to ask for instead.</param>
    public static RequestProblem Refusal(string field, string lead, double operations, double limit, string remedy) => Faults.One(field, string.Create(
        CultureInfo.InvariantCulture, $"{lead}asks for {operations / 1e12:0.###} TFLOP, of which {limit / 1e12:0.###} are accepted in one request: {remedy}"));

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
