namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>Neighbouring timesteps, one of which stands for all.</summary>
/// <param name="First">The first, from 0.</param>
/// <param name="Last">The last, not before <paramref name="First"/>.</param>
public readonly record struct TimestepStratum(int First, int Last)
{
    /// <summary>How many they are.</summary>
    public int Width => Last - First + 1;
}

/// <summary>Cuts the timesteps of the variational bound into strata: {0} by itself, since L_0 is the largest term, and behind it strata that grow
/// geometrically, since terms fall about as a power of t.</summary>
public static class TimestepStrata
{
    /// <param name="timesteps">T; at least 2.</param>
    /// <param name="count">Strata, from 2 to T. T of them hold one timestep each.</param>
    /// <returns>In order, covering every timestep once.</returns>
    public static IReadOnlyList<TimestepStratum> Of(int timesteps, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, timesteps);
        var strata = new List<TimestepStratum> { new(0, 0) };
        for (var left = count - 1; left > 0; left--)
        {
            var first = strata[^1].Last + 1;
            var next = (int)Math.Round(first * Math.Pow((double)timesteps / first, 1.0 / left));
            strata.Add(new(first, Math.Clamp(next, first + 1, timesteps - left + 1) - 1));
        }

        return strata;
    }
}
