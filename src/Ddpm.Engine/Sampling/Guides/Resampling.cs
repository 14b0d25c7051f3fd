namespace Ddpm.Engine.Sampling.Guides;

/// <summary>Makes a run go back now and then. Lugmayr et al. 2022, §4.2.</summary>
internal static class Resampling
{
    /// <summary>Most network calls of a run.</summary>
    public const int MostCalls = 10_000;

    /// <summary>Puts jumps into a table. From the end, every <paramref name="length"/> steps, the run goes as many steps back to more noise, and does so
    /// <paramref name="times"/> − 1 times before it goes on.</summary>
    /// <remarks>Going back is the forward process: x' = a·x + b·z with a = √(ᾱ'/ᾱ), b² = 1 − ᾱ'/ᾱ. It needs no network, and its noise and that of the step before
    /// it add up to normal noise again: so a step and the jump after it are one row.</remarks>
    /// <param name="plan">Rows that know nothing of those before, each leading to the level of the next.</param>
    /// <param name="length">At least 1.</param>
    /// <param name="times">At least 1, for no jumps.</param>
    /// <exception cref="SamplingException">A number is out of range, or the noise is the network's to choose.</exception>
    public static SamplingPlan Of(SamplingPlan plan, int length, int times)
    {
        var count = plan.Steps.Count;
        if (length < 1)
            throw new SamplingException($"jumpLength is {length}; 1 or more is accepted.");
        if (times < 1)
            throw new SamplingException($"resamplings is {times}; 1 or more is accepted.");
        // By steps still to do. The last level is left out: from the clean picture nothing is taken back.
        var jumps = new Dictionary<int, int>();
        for (var left = 1; left + length <= count; left += length)
            jumps[left] = times - 1;
        var calls = count + ((long)jumps.Count * (times - 1) * length);
        if (calls > MostCalls)
            throw new SamplingException($"{count} steps with jumpLength {length} and resamplings {times} are {calls} network calls a picture; {MostCalls} are accepted.");

        var rows = new List<SamplingStep>((int)calls);
        for (var index = 0; index < count; index++)
        {
            var row = plan.Steps[index];
            var left = count - index - 1;
            if (jumps.GetValueOrDefault(left) > 0)
            {
                jumps[left]--;
                var target = index + 1 - length;
                rows.Add(ThenBack(row, plan.Steps[index + 1], plan.Steps[target]));
                index = target - 1;
            }
            else
            {
                rows.Add(row);
            }
        }

        return plan with { Steps = rows };
    }

    // Ho et al. 2020, eq. 2, over several timesteps at once.
    private static SamplingStep ThenBack(SamplingStep row, SamplingStep from, SamplingStep to)
    {
        if (row.LogVariance is not null)
            throw new SamplingException("resamplings must be 1 with sampler ddpm where the model has learned the variance; or choose ddim.");
        var scale = to.SignalRate / from.SignalRate;
        var added = Math.Max((to.NoiseRate * to.NoiseRate) - (scale * scale * from.NoiseRate * from.NoiseRate), 0);
        return row with
        {
            Sample = scale * row.Sample,
            Original = scale * row.Original,
            Epsilon = scale * row.Epsilon,
            Noise = Math.Sqrt((scale * scale * row.Noise * row.Noise) + added),
        };
    }
}
