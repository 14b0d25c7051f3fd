namespace Ddpm.Engine.Diffusion;

/// <summary>β_t and ᾱ_t for each timestep, zero-based. Numbers, not tensors: immutable, nothing to dispose.</summary>
public sealed class NoiseSchedule
{
    private NoiseSchedule(float[] betas)
    {
        // diffusers keeps both tables in float32, and its numbers cannot be met without that rounding: 1 − ᾱ_0 differs by 1.7e-4 otherwise.
        // Its cumulative product multiplies in double and rounds each entry.
        Betas = [.. betas.Select(beta => (double)beta)];
        var alphasCumprod = new double[betas.Length];
        var product = 1.0;
        for (var t = 0; t < betas.Length; t++)
        {
            product *= 1f - betas[t];
            alphasCumprod[t] = (float)product;
        }

        AlphasCumprod = alphasCumprod;
    }

    /// <summary>β_t, the noise variance that timestep t adds: in (0, 1). Ho et al. 2020, eq. 2.</summary>
    public IReadOnlyList<double> Betas { get; }

    /// <summary>ᾱ_t, the signal variance left at timestep t: in (0, 1), strictly decreasing. Ho et al. 2020, eq. 4.</summary>
    public IReadOnlyList<double> AlphasCumprod { get; }

    /// <summary>T.</summary>
    public int Timesteps => Betas.Count;

    /// <summary>Builds the schedule that a configuration describes.</summary>
    /// <exception cref="ArgumentException">The configuration is not sound.</exception>
    public static NoiseSchedule From(NoiseScheduleConfig config)
    {
        if (config.Faults().ToList() is [var fault, ..])
            throw new ArgumentException(fault);
        var schedule = Build(config);
        return NoiseScheduleConfig.FaultOf(schedule) is { } loss ? throw new ArgumentException(loss) : schedule;
    }

    private static NoiseSchedule Build(NoiseScheduleConfig config)
    {
        if (config.TrainedBetas is { } trained)
            return new([.. trained.Select(beta => (float)beta)]);
        return config.BetaSchedule switch
        {
            "linear" => Linear(config.Timesteps, config.BetaStart, config.BetaEnd),
            "scaled_linear" => new([.. Linspace(Math.Sqrt(config.BetaStart), Math.Sqrt(config.BetaEnd), config.Timesteps).Select(root => root * root)]),
            _ => Cosine(config.Timesteps),
        };
    }

    /// <summary>β rising evenly from <paramref name="betaStart"/> to <paramref name="betaEnd"/>. Ho et al. 2020, §4.</summary>
    public static NoiseSchedule Linear(int timesteps = 1000, double betaStart = 1e-4, double betaEnd = 0.02) =>
        new(Linspace(betaStart, betaEnd, timesteps));

    /// <summary>ᾱ falling along a squared cosine, β at most 0.999. Nichol &amp; Dhariwal 2021, eq. 17.</summary>
    public static NoiseSchedule Cosine(int timesteps = 1000)
    {
        return new([.. Enumerable.Range(0, timesteps)
            .Select(t => (float)Math.Min(1 - (AlphaBar((t + 1.0) / timesteps) / AlphaBar((double)t / timesteps)), 0.999))]);

        static double AlphaBar(double time) => Math.Pow(Math.Cos((time + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    /// <summary>ᾱ_t, and 1 before the first timestep (t &lt; 0): the clean picture.</summary>
    public double AlphaCumprodOrOne(int timestep) => timestep < 0 ? 1 : AlphasCumprod[timestep];

    // torch.linspace in float32: counted from whichever end is nearer.
    private static float[] Linspace(double start, double end, int count)
    {
        var (first, last) = ((float)start, (float)end);
        if (count == 1)
            return [first];
        var step = (last - first) / (count - 1);
        return [.. Enumerable.Range(0, count).Select(index => index < count / 2 ? first + (step * index) : last - (step * (count - 1 - index)))];
    }
}
