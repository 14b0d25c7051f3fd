namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>The variance of the model's reverse step p(x_{t−1} | x_t).</summary>
public enum ReverseVariance
{
    /// <summary>β̃_t, that of the posterior: right for data that is one point. Ho et al. 2020, §3.2.</summary>
    FixedSmall,

    /// <summary>β_t: right for data that is standard normal. Ho et al. 2020, §3.2.</summary>
    FixedLarge,

    /// <summary>Between the two, at log β̃_t·(1 − f) + log β_t·f with f = (v + 1)/2, where v are the second half of the network's channels.
    /// Nichol &amp; Dhariwal 2021, eq. 15.</summary>
    LearnedRange,
}
