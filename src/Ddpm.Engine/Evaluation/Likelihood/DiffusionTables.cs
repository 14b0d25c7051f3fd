namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>What the variational bound needs of a noise schedule, in float64 throughout, from the betas. Timesteps are zero-based.</summary>
/// <remarks>Samplers read ᾱ as diffusers rounds it to float32. Here 1 − ᾱ_t and its ratios decide the result, so that rounding would show.</remarks>
public sealed class DiffusionTables
{
    /// <param name="betas">β_t, each in (0, 1]; at least two.</param>
    /// <exception cref="EvaluationException">There are fewer than two.</exception>
    public DiffusionTables(IReadOnlyList<double> betas)
    {
        if (betas.Count < 2)
            throw new EvaluationException($"The noise schedule has {betas.Count} timestep; the variational bound needs at least 2.");
        var alphasCumprod = new double[betas.Count];
        var (posteriorOriginal, posteriorSample, posteriorVariances) = (new double[betas.Count], new double[betas.Count], new double[betas.Count]);
        var product = 1.0;
        for (var t = 0; t < betas.Count; t++)
        {
            var before = product;
            product *= 1 - betas[t];
            alphasCumprod[t] = product;
            // Ho et al. 2020, eq. 7: q(x_{t−1} | x_t, x_0) has the mean Original·x_0 + Sample·x_t and the variance β̃_t.
            posteriorOriginal[t] = Math.Sqrt(before) * betas[t] / (1 - product);
            posteriorSample[t] = Math.Sqrt(1 - betas[t]) * (1 - before) / (1 - product);
            posteriorVariances[t] = (1 - before) / (1 - product) * betas[t];
        }

        (AlphasCumprod, PosteriorOriginal, PosteriorSample) = (alphasCumprod, posteriorOriginal, posteriorSample);
        // β̃_0 is 0. A decoder cannot be a point, so it takes that of the step before, as Ho et al.'s program does; its upper bound likewise.
        PosteriorLogVariances = [.. posteriorVariances.Select((_, t) => Math.Log(posteriorVariances[Math.Max(t, 1)]))];
        LargeLogVariances = [.. betas.Select((beta, t) => Math.Log(t == 0 ? posteriorVariances[1] : beta))];
        LogBetas = [.. betas.Select(beta => Math.Log(beta))];
    }

    /// <summary>T.</summary>
    public int Timesteps => AlphasCumprod.Count;

    /// <summary>ᾱ_t. Ho et al. 2020, eq. 4.</summary>
    public IReadOnlyList<double> AlphasCumprod { get; }

    /// <summary>The weight of x_0 in μ̃_t. Ho et al. 2020, eq. 7.</summary>
    public IReadOnlyList<double> PosteriorOriginal { get; }

    /// <summary>The weight of x_t in μ̃_t. Ho et al. 2020, eq. 7.</summary>
    public IReadOnlyList<double> PosteriorSample { get; }

    /// <summary>log β̃_t; at t = 0, where β̃ is 0, log β̃_1.</summary>
    public IReadOnlyList<double> PosteriorLogVariances { get; }

    /// <summary>log β_t; at t = 0 log β̃_1, so that the decoder is the same for both fixed variances.</summary>
    public IReadOnlyList<double> LargeLogVariances { get; }

    /// <summary>log β_t.</summary>
    public IReadOnlyList<double> LogBetas { get; }
}
