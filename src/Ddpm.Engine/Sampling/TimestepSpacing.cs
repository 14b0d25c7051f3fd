namespace Ddpm.Engine.Sampling;

/// <summary>Which of the T training timesteps a run of n steps visits. Lin et al. 2024, table 2, names all three.</summary>
public enum TimestepSpacing
{
    /// <summary>Every (T / n)th from 0 up, so the last training timestep is not visited.</summary>
    Leading,

    /// <summary>Every (T / n)th from T − 1 down.</summary>
    Trailing,

    /// <summary>n timesteps from 0 to T − 1, both visited.</summary>
    Linspace,
}

/// <summary>The timesteps themselves, as diffusers counts them, but never more than n: for some n, such as 61, its trailing spacing has one entry
/// more, −1, which stands for no timestep.</summary>
internal static class Timesteps
{
    /// <summary>For DDPM and DDIM: n timesteps, falling.</summary>
    public static int[] SingleStep(TimestepSpacing spacing, int trainSteps, int steps, int offset) => spacing switch
    {
        TimestepSpacing.Leading => Fall(steps, index => (index * (trainSteps / steps)) + offset),
        TimestepSpacing.Linspace => Fall(steps, index => Round(Linspace(index, steps, trainSteps - 1))),
        _ => Trailing(trainSteps, steps),
    };

    /// <summary>For multistep solvers: n timesteps of n + 1, the last of which is left to the final sigma.</summary>
    public static int[] Multistep(TimestepSpacing spacing, int trainSteps, int steps, int offset) => spacing switch
    {
        TimestepSpacing.Leading => Fall(steps + 1, index => (index * (trainSteps / (steps + 1))) + offset)[..^1],
        TimestepSpacing.Linspace => Fall(steps + 1, index => Round(Linspace(index, steps + 1, trainSteps - 1)))[..^1],
        _ => Trailing(trainSteps, steps),
    };

    private static int[] Fall(int count, Func<int, int> timestep) => [.. Enumerable.Range(0, count).Reverse().Select(timestep)];

    // numpy's arange(T, 0, −T / n): it adds multiples of the rounded difference of its first two entries, which decides where half-way cases round to.
    private static int[] Trailing(int trainSteps, int steps)
    {
        var second = trainSteps - ((double)trainSteps / steps);
        var difference = second - trainSteps;
        return [.. Enumerable.Range(0, steps).Select(index => Round(index == 1 ? second : trainSteps + (index * difference)) - 1)];
    }

    private static double Linspace(int index, int count, double last) => count == 1 ? 0 : index * (last / (count - 1));

    private static int Round(double value) => (int)Math.Round(value, MidpointRounding.ToEven);
}
