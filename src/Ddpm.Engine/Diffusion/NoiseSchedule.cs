namespace Ddpm.Engine.Diffusion;

/// <summary>β_t and ᾱ_t for each timestep, zero-based. Numbers, not tensors: immutable, nothing to dispose.</summary>
public sealed class NoiseSchedule
{
    private NoiseSchedule(float[] betas, bool zeroTerminalSnr = false)
    {
        if (zeroTerminalSnr)
            betas = WithoutTerminalSignal(betas);
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

    /// <summary>β_t, the noise variance that timestep t adds: in (0, 1); 1 at the last one where the terminal SNR is zero. Ho et al. 2020, eq. 2.</summary>
    public IReadOnlyList<double> Betas { get; }

    /// <summary>ᾱ_t, the signal variance left at timestep t: in (0, 1), strictly decreasing; 0 at the last one where the terminal SNR is zero.
    /// Ho et al. 2020, eq. 4.</summary>
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
        float[] betas = config.TrainedBetas is { } trained ? [.. trained.Select(beta => (float)beta)] : config.BetaSchedule switch
        {
            "linear" => Linspace(config.BetaStart, config.BetaEnd, config.Timesteps),
            "scaled_linear" => [.. Linspace(Math.Sqrt(config.BetaStart), Math.Sqrt(config.BetaEnd), config.Timesteps).Select(root => root * root)],
            "sigmoid" => [.. Linspace(-6, 6, config.Timesteps).Select(x => (Sigmoid(x) * (float)(config.BetaEnd - config.BetaStart)) + (float)config.BetaStart)],
            _ => CosineBetas(config.Timesteps),
        };
        return new(betas, config.RescaleBetasZeroSnr);
    }

    /// <summary>β rising evenly from <paramref name="betaStart"/> to <paramref name="betaEnd"/>. Ho et al. 2020, §4.</summary>
    public static NoiseSchedule Linear(int timesteps = 1000, double betaStart = 1e-4, double betaEnd = 0.02) =>
        new(Linspace(betaStart, betaEnd, timesteps));

    /// <summary>ᾱ falling along a squared cosine, β at most 0.999. Nichol &amp; Dhariwal 2021, eq. 17.</summary>
    public static NoiseSchedule Cosine(int timesteps = 1000) => new(CosineBetas(timesteps));

    /// <summary>ᾱ_t, and 1 before the first timestep (t &lt; 0): the clean picture.</summary>
    public double AlphaCumprodOrOne(int timestep) => timestep < 0 ? 1 : AlphasCumprod[timestep];

    private static float[] CosineBetas(int timesteps)
    {
        return [.. Enumerable.Range(0, timesteps)
            .Select(t => (float)Math.Min(1 - (AlphaBar((t + 1.0) / timesteps) / AlphaBar((double)t / timesteps)), 0.999))];

        static double AlphaBar(double time) => Math.Pow(Math.Cos((time + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    private static float Sigmoid(float x) => 1 / (1 + MathF.Exp(-x));

    // Lin et al. 2024, algorithm 1: √ᾱ is shifted so that the last one is 0 and scaled so that the first one stays. In float32, as diffusers does.
    private static float[] WithoutTerminalSignal(float[] betas)
    {
        var signalRates = new float[betas.Length];
        var product = 1.0;
        for (var t = 0; t < betas.Length; t++)
        {
            product *= 1f - betas[t];
            signalRates[t] = MathF.Sqrt((float)product);
        }

        var (first, last) = (signalRates[0], signalRates[^1]);
        var alphasCumprod = signalRates.Select(rate => (rate - last) * (first / (first - last))).Select(rate => rate * rate).ToArray();
        return [.. alphasCumprod.Select((alphaCumprod, t) => 1f - (t == 0 ? alphaCumprod : alphaCumprod / alphasCumprod[t - 1]))];
    }

    // torch.linspace in float32, to the last bit: from whichever end is nearer, in vectors of eight whose first entry is fused, and one by one at the end.
    private static float[] Linspace(double start, double end, int count)
    {
        const int lanes = 8;
        var (first, last) = ((float)start, (float)end);
        if (count == 1)
            return [first];
        var step = (last - first) / (count - 1);
        var vectorised = count / (2 * lanes) * (2 * lanes);
        return [.. Enumerable.Range(0, count).Select(index =>
        {
            var lane = index < vectorised ? index % lanes : 0;
            return Entry(index - lane) + (step * lane);
        })];

        float Entry(int index) => index < count / 2
            ? MathF.FusedMultiplyAdd(step, index, first)
            : MathF.FusedMultiplyAdd(-step, count - 1 - index, last);
    }
}
