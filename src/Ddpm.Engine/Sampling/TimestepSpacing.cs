using Ddpm.Engine.Diffusion;

namespace Ddpm.Engine.Sampling;

/// <summary>Which of the T training timesteps a run of n steps visits. Lin et al. 2024, table 2, names the first three.</summary>
public enum TimestepSpacing
{
    /// <summary>Every (T / n)th from 0 up, so the last training timestep is not visited.</summary>
    Leading,

    /// <summary>Every (T / n)th from T − 1 down.</summary>
    Trailing,

    /// <summary>n timesteps from 0 to T − 1, both visited; multistep solvers visit n of n + 1, and end at the clean picture instead of 0.</summary>
    Linspace,

    /// <summary>n timesteps from 0 to T − 1 at distances that grow evenly, so that most lie where little noise is left: better pictures in few steps.
    /// Song et al. 2021, appendix D.2, who end at 0.8·T, which on other schedules than theirs is not noise yet.</summary>
    Quadratic,
}

/// <summary>The timesteps themselves, as diffusers counts them, but never more than n: for some n, such as 61, its trailing spacing has one entry
/// more, −1, which stands for no timestep.</summary>
internal static class Timesteps
{
    /// <summary>For DDPM and DDIM: n timesteps, falling.</summary>
    /// <exception cref="SamplingException">An offset leads behind the last.</exception>
    public static int[] SingleStep(NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        var (trainSteps, steps) = (schedule.Timesteps, sampler.StepsFor(schedule));
        return sampler.Timesteps is { } chosen ? [.. chosen] : sampler.SpacingFor(schedule) switch
        {
            TimestepSpacing.Leading => WithOffset(Fall(steps, index => index * (trainSteps / steps)), schedule),
            TimestepSpacing.Linspace => Fall(steps, index => Round(Linspace(index, steps, trainSteps - 1))),
            TimestepSpacing.Quadratic => Quadratic(trainSteps, steps),
            _ => Trailing(trainSteps, trainSteps, steps),
        };
    }

    /// <summary>For multistep solvers: n timesteps of n + 1, the last of which is left to the final sigma.</summary>
    /// <param name="schedule">Supplies T and the offset.</param>
    /// <param name="sampler">Supplies n and the spacing.</param>
    /// <param name="end">Only timesteps below this are visited, as far as there are n of them; at most T.</param>
    /// <exception cref="SamplingException">An offset leads behind the last.</exception>
    public static int[] Multistep(NoiseScheduleConfig schedule, SamplerConfig sampler, int end)
    {
        var steps = sampler.StepsFor(schedule);
        return sampler.Timesteps is { } chosen ? [.. chosen] : sampler.SpacingFor(schedule) switch
        {
            TimestepSpacing.Leading => WithOffset(Fall(steps + 1, index => index * (end / (steps + 1)))[..^1], schedule),
            TimestepSpacing.Linspace => Fall(steps + 1, index => Round(Linspace(index, steps + 1, end - 1)))[..^1],
            TimestepSpacing.Quadratic => Quadratic(end, steps),
            _ => Trailing(end, schedule.Timesteps, steps),
        };
    }

    /// <summary>For solvers in σ, whose network is told fractions.</summary>
    public static double[] Fractional(NoiseScheduleConfig schedule, SamplerConfig sampler)
    {
        var steps = sampler.StepsFor(schedule);
        return sampler.Timesteps is null && sampler.SpacingFor(schedule) == TimestepSpacing.Linspace
            ? [.. Enumerable.Range(0, steps).Reverse().Select(index => (double)(float)Linspace(index, steps, schedule.Timesteps - 1))]
            : [.. SingleStep(schedule, sampler)];
    }

    private static int[] Fall(int count, Func<int, int> timestep) => [.. Enumerable.Range(0, count).Reverse().Select(timestep)];

    private static int[] WithOffset(int[] timesteps, NoiseScheduleConfig schedule)
    {
        int[] moved = [.. timesteps.Select(timestep => timestep + schedule.StepsOffset)];
        return moved[0] < schedule.Timesteps ? moved : throw new SamplingException(
            $"With steps_offset {schedule.StepsOffset} a run of {timesteps.Length} steps would begin at timestep {moved[0]}; the last of the schedule is {schedule.Timesteps - 1}. Ask for fewer steps.");
    }

    // numpy's arange(end, 0, −T / n): it adds multiples of the rounded difference of its first two entries, which decides where half-way cases round to.
    private static int[] Trailing(int end, int trainSteps, int steps)
    {
        var stride = (double)trainSteps / steps;
        var second = end - stride;
        var difference = second - end;
        var count = Math.Min(steps, (int)Math.Ceiling(end / stride));
        return [.. Enumerable.Range(0, count).Select(index => Round(index == 1 ? second : end + (index * difference)) - 1).Where(timestep => timestep >= 0)];
    }

    // Where squares of small indices round to the same timestep, the next free one is taken.
    private static int[] Quadratic(int trainSteps, int steps)
    {
        var timesteps = new int[steps];
        for (var index = 0; index < steps; index++)
        {
            var share = steps == 1 ? 1 : (double)index / (steps - 1);
            timesteps[index] = Math.Max(Round(share * share * (trainSteps - 1)), index == 0 ? 0 : timesteps[index - 1] + 1);
        }

        return [.. timesteps.Reverse()];
    }

    private static double Linspace(int index, int count, double last) => count == 1 ? 0 : index * (last / (count - 1));

    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);
}
