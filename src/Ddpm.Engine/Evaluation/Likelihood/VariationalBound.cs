using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>
/// The variational bound on the negative log-likelihood, term by term, in bits per dimension and in float64. Ho et al. 2020, eq. 5:
/// L = L_T + Σ L_{t−1} + L_0, with L_T = KL(q(x_T | x_0) ‖ N(0, 1)), L_{t−1} = KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)) and
/// L_0 = −log p(x_0 | x_1). All tensors of its methods are float64 <c>[batch, channels, height, width]</c> on one device.
/// </summary>
/// <remarks>Timesteps are zero-based: L_0 is the term of timestep 0, L_{t−1} that of timestep t − 1 ≥ 1.</remarks>
public sealed class VariationalBound(DiffusionTables tables, BoundConfig config)
{
    private const double BitsPerNat = 1 / 0.693147180559945309417;

    /// <summary>The noise schedule.</summary>
    public DiffusionTables Tables => tables;

    /// <summary>Draws x_t from q(x_t | x_0), each picture at a timestep of its own. Ho et al. 2020, eq. 4.</summary>
    /// <returns>Like <paramref name="original"/>; the caller disposes it.</returns>
    public Tensor AddNoise(Tensor original, Tensor noise, IReadOnlyList<int> timesteps)
    {
        using var scope = NewDisposeScope();
        var (signalRate, noiseRate) = Rates(timesteps, original.device);
        return (signalRate * original).Plus(noiseRate * noise).MoveToOuterDisposeScope();
    }

    /// <summary>L_T of each picture, which no network changes.</summary>
    public double[] Prior(Tensor original)
    {
        using var scope = NewDisposeScope();
        var last = tables.AlphasCumprod[^1];
        // KL(N(√ᾱ·x_0, 1 − ᾱ) ‖ N(0, 1)).
        var nats = (original.Times(last) * original).Plus(-last - Math.Log(1 - last)).Times(0.5);
        return Values(nats.mean([1, 2, 3]).Times(BitsPerNat));
    }

    /// <summary>The term of each picture's timestep: L_0 at 0, L_{t−1} elsewhere.</summary>
    /// <param name="original">x_0, values 2k/255 − 1. Borrowed.</param>
    /// <param name="noise">ε in x_t. Borrowed.</param>
    /// <param name="noised">x_t. Borrowed.</param>
    /// <param name="timesteps">One for each picture, in [0, T).</param>
    /// <param name="modelOutput">What the network gave for x_t; twice the channels for <see cref="ReverseVariance.LearnedRange"/>. Borrowed.</param>
    /// <exception cref="EvaluationException">The model's output does not fit.</exception>
    public BoundTerms Terms(Tensor original, Tensor noise, Tensor noised, IReadOnlyList<int> timesteps, Tensor modelOutput)
    {
        using var scope = NewDisposeScope();
        var (prediction, logVariance) = Split(modelOutput, original.shape[1], timesteps);
        var (signalRate, noiseRate) = Rates(timesteps, original.device);
        var predicted = Original(prediction, noised, signalRate, noiseRate);
        var error = Epsilon(prediction, noised, signalRate, noiseRate) - noise;
        if (config.ClipRange is { } range)
            predicted = predicted.Within(-range, range);

        var originalWeight = Column(tables.PosteriorOriginal, timesteps, original.device);
        var posteriorLogVariance = Column(tables.PosteriorLogVariances, timesteps, original.device);
        // Both means hold the same multiple of x_t (eq. 7), so they differ by Original·(x_0 − x̂₀).
        var difference = originalWeight * (original - predicted);
        // ½·(log(σ²/β̃) − 1 + β̃/σ² + (μ − μ̃)²/σ²), the KL of two normals.
        var nats = (logVariance - posteriorLogVariance).Minus(1).Plus((posteriorLogVariance - logVariance).exp()).Plus(difference * difference * (-logVariance).exp()).Times(0.5);
        if (timesteps.Contains(0))
        {
            var mean = (originalWeight * predicted).Plus(Column(tables.PosteriorSample, timesteps, original.device) * noised);
            var isLast = tensor(timesteps.Select(t => t == 0).ToArray()).to(original.device).view(-1, 1, 1, 1);
            nats = where(isLast, -DiscretisedGaussian.LogProbability(original, mean, logVariance, config.Cdf), nats);
        }

        return new BoundTerms(Values(nats.mean([1, 2, 3]).Times(BitsPerNat)), Values((error * error).mean([1, 2, 3])));
    }

    private (Tensor Prediction, Tensor LogVariance) Split(Tensor modelOutput, long channels, IReadOnlyList<int> timesteps)
    {
        var learned = config.Variance == ReverseVariance.LearnedRange;
        if (modelOutput.shape[1] != (learned ? 2 : 1) * channels)
            throw new EvaluationException($"The network gives {modelOutput.shape[1]} channels for pictures of {channels}; {(learned ? 2 : 1) * channels} are needed with the variance {config.Variance}.");
        if (!learned)
            return (modelOutput, Column(config.Variance == ReverseVariance.FixedSmall ? tables.PosteriorLogVariances : tables.LargeLogVariances, timesteps, modelOutput.device));
        var parts = modelOutput.chunk(2, 1);
        var fraction = parts[1].Plus(1).Over(2);
        var (least, most) = (Column(tables.PosteriorLogVariances, timesteps, modelOutput.device), Column(tables.LogBetas, timesteps, modelOutput.device));
        return (parts[0], (fraction * most).Plus(fraction.From(1) * least));
    }

    private Tensor Original(Tensor prediction, Tensor noised, Tensor signalRate, Tensor noiseRate) => config.Prediction switch
    {
        PredictionType.Epsilon => (noised - (noiseRate * prediction)) / signalRate, // Ho et al. 2020, eq. 15
        PredictionType.V => (signalRate * noised) - (noiseRate * prediction), // Salimans & Ho 2022, appendix D
        _ => prediction,
    };

    private Tensor Epsilon(Tensor prediction, Tensor noised, Tensor signalRate, Tensor noiseRate) => config.Prediction switch
    {
        PredictionType.Epsilon => prediction,
        PredictionType.V => (noiseRate * noised).Plus(signalRate * prediction),
        _ => (noised - (signalRate * prediction)) / noiseRate,
    };

    private (Tensor Signal, Tensor Noise) Rates(IReadOnlyList<int> timesteps, Device device)
    {
        var alphaCumprod = Column(tables.AlphasCumprod, timesteps, device);
        return (alphaCumprod.sqrt(), alphaCumprod.From(1).sqrt());
    }

    private static Tensor Column(IReadOnlyList<double> table, IReadOnlyList<int> timesteps, Device device) =>
        tensor(timesteps.Select(t => table[t]).ToArray(), ScalarType.Float64).to(device).view(-1, 1, 1, 1);

    private static double[] Values(Tensor tensor) => tensor.cpu().data<double>().ToArray();
}

/// <summary>Terms of the bound, one for each picture of a batch.</summary>
/// <param name="BitsPerDimension">L_0 or L_{t−1}, in bits per dimension (a dimension is one channel of one pixel).</param>
/// <param name="MeanSquaredError">Of the predicted noise, before clipping: what training minimises.</param>
public sealed record BoundTerms(double[] BitsPerDimension, double[] MeanSquaredError);
