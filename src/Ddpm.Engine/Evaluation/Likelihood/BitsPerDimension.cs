using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using Ddpm.Engine.Sampling;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Likelihood;

/// <summary>How the bound is to be estimated.</summary>
public sealed record BitsPerDimensionRequest
{
    /// <summary>Pictures of the dataset, drawn at random without replacement; at least 1. All where there are not so many.</summary>
    public int Images { get; init; } = 128;

    /// <summary>Timesteps evaluated for each picture, from 2; null, or T and more, for every one.</summary>
    public int? Timesteps { get; init; } = 50;

    /// <summary>Decides the pictures, their timesteps and their noise.</summary>
    public ulong Seed { get; init; }

    /// <summary>CPU threads; null for <see cref="TorchRuntime.Threads"/>.</summary>
    public int? Threads { get; init; }
}

/// <summary>The variational bound, in bits per dimension (a dimension is one channel of one pixel): lower is better, 8 is a uniform guess.</summary>
/// <param name="Total">L_T + Σ L_{t−1} + L_0. Ho et al. 2020, eq. 5.</param>
/// <param name="Prior">L_T.</param>
/// <param name="Diffusion">Σ L_{t−1}, which with L_T is the rate of Ho et al. 2020, §4.3.</param>
/// <param name="Decoder">L_0, the distortion.</param>
/// <param name="Terms">L_0 first, then the others by timestep.</param>
/// <param name="Images">Pictures that it was estimated from.</param>
public sealed record BitsPerDimensionResult(
    Estimate Total, Estimate Prior, Estimate Diffusion, Estimate Decoder, IReadOnlyList<BoundTerm> Terms, int Images);

/// <summary>Terms of neighbouring timesteps.</summary>
/// <param name="FirstTimestep">Zero-based.</param>
/// <param name="LastTimestep">The same where each timestep was evaluated.</param>
/// <param name="BitsPerDimension">Their sum.</param>
/// <param name="MeanSquaredError">Of the predicted noise, their mean.</param>
public sealed record BoundTerm(int FirstTimestep, int LastTimestep, Estimate BitsPerDimension, Estimate MeanSquaredError);

/// <summary>
/// Estimates the variational bound of a model on a dataset. With every timestep: for each picture x the terms L_t(x), each with noise of its own,
/// summed. With fewer: one timestep drawn uniformly from each of <see cref="TimestepStrata"/>, its term times the stratum's width, summed, which has
/// the same mean for each x. Either way the pictures' sums are independent, so the mean over pictures has the standard error s/√n.
/// </summary>
public static class BitsPerDimension
{
    internal const string Stage = "bits per dimension";

    private const int CpuBatch = 16;
    private const int GpuBatch = 128;

    /// <summary>Measures it.</summary>
    /// <param name="model">Borrowed.</param>
    /// <param name="dataset">Pictures of the model's size. Borrowed.</param>
    /// <param name="request">How.</param>
    /// <param name="progress">Told after each network call, from several threads on a CPU.</param>
    /// <param name="cancellationToken">Looked at between network calls.</param>
    /// <exception cref="EvaluationException">The model has no such bound, or its numbers are not finite.</exception>
    public static BitsPerDimensionResult Measure(
        DiffusionModel model, ImageDataset dataset, BitsPerDimensionRequest request, IProgress<EvaluationProgress>? progress, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Images, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(request.Timesteps ?? 2, 2);
        Check(model);
        var bound = new VariationalBound(new DiffusionTables(NoiseSchedule.From(model.Schedule).Betas), BoundConfig.From(model.Schedule));
        var strata = TimestepStrata.Of(bound.Tables.Timesteps, Math.Min(request.Timesteps ?? int.MaxValue, bound.Tables.Timesteps));
        var indices = PictureChoice.Draw(dataset.Count, request.Images, request.Seed);
        var labels = ModelLabels.Of(model, dataset, indices);
        var (bits, errors) = (Table(strata.Count, indices.Length), Table(strata.Count, indices.Length));
        var batchSize = model.Device.type == DeviceType.CUDA ? GpuBatch : CpuBatch;
        var all = (long)strata.Count * indices.Length;
        long done = 0;

        WorkLanes.Run((int)((all + batchSize - 1) / batchSize), model.Device, request.Threads, Evaluate, cancellationToken);
        return Summarise(strata, Priors(bound, dataset, indices), bits, errors);

        // Consecutive numbers are terms of one picture, then of the next.
        void Evaluate(int batch)
        {
            var first = (long)batch * batchSize;
            var places = Enumerable.Range(0, (int)Math.Min(batchSize, all - first)).Select(n => (Picture: (int)((first + n) / strata.Count), Stratum: (int)((first + n) % strata.Count))).ToArray();
            int[] chosen = [.. places.Select(place => indices[place.Picture])];
            int[] timesteps = [.. places.Select((place, n) => Timestep(strata[place.Stratum], request.Seed, chosen[n]))];
            var terms = Terms(model, bound, PictureChoice.Read(dataset, chosen), chosen, timesteps, labels is null ? null : [.. places.Select(place => (long)labels[place.Picture])], request.Seed);
            foreach (var (n, (picture, stratum)) in places.Index())
            {
                bits[stratum][picture] = strata[stratum].Width * Finite(terms.BitsPerDimension[n]);
                errors[stratum][picture] = terms.MeanSquaredError[n];
            }

            progress?.Report(new EvaluationProgress(Stage, Interlocked.Add(ref done, places.Length), all));
        }
    }

    /// <summary>Says whether a model has such a bound.</summary>
    /// <exception cref="EvaluationException">It has none.</exception>
    internal static void Check(DiffusionModel model)
    {
        _ = BoundConfig.From(model.Schedule);
        if (model.Network.TimeEmbeddingType == "fourier")
            throw new EvaluationException("The model embeds the logarithm of the timestep (time_embedding_type is fourier), which timestep 0 has not: it has no L_0, and so no bits per dimension.");
    }

    private static BoundTerms Terms(DiffusionModel model, VariationalBound bound, PixelBatch pictures, int[] indices, int[] timesteps, long[]? labels, ulong seed)
    {
        var original = ToFloat64(pictures, model.Device);
        var noise = Noise(original.shape, indices, timesteps, seed).to(model.Device).to(ScalarType.Float64);
        var noised = bound.AddNoise(original, noise, timesteps);
        var classes = labels is null ? null : tensor(labels).to(model.Device);
        var output = model.UNet.call(noised.to(ScalarType.Float32), tensor(timesteps.Select(t => (long)t).ToArray()).to(model.Device), classes);
        return bound.Terms(original, noise, noised, timesteps, output.to(ScalarType.Float64));
    }

    // A function of (seed, picture, timestep), so that no batch decides it.
    private static Tensor Noise(long[] shape, int[] indices, int[] timesteps, ulong seed)
    {
        var each = (int)(shape[1] * shape[2] * shape[3]);
        var values = new float[indices.Length * each];
        for (var n = 0; n < indices.Length; n++)
            PhiloxNoise.Fill(seed, (uint)indices[n], (uint)timesteps[n], values.AsSpan(n * each, each), NoisePurpose.EvaluationNoise);
        return tensor(values, shape);
    }

    private static int Timestep(TimestepStratum stratum, ulong seed, int picture)
    {
        var bits = PhiloxNoise.Bits(seed, (uint)picture, (uint)stratum.First, NoisePurpose.EvaluationTimestep);
        return stratum.First + (int)(((ulong)bits * (ulong)stratum.Width) >> 32);
    }

    private static double[] Priors(VariationalBound bound, ImageDataset dataset, int[] indices)
    {
        using var scope = NewDisposeScope();
        return [.. indices.SelectMany(index => bound.Prior(ToFloat64(PictureChoice.Read(dataset, [index]), CPU)))];
    }

    private static Tensor ToFloat64(PixelBatch pictures, Device device) =>
        (tensor(pictures.Pixels, [pictures.Count, pictures.Channels, pictures.Height, pictures.Width], dtype: ScalarType.Byte).to(device).to(ScalarType.Float64)).Over(127.5).Minus(1);

    private static BitsPerDimensionResult Summarise(IReadOnlyList<TimestepStratum> strata, double[] priors, double[][] bits, double[][] errors)
    {
        var diffusion = priors.Select((_, picture) => bits.Skip(1).Sum(stratum => stratum[picture])).ToArray();
        return new(
            Estimate.OfMean([.. priors.Select((prior, picture) => prior + diffusion[picture] + bits[0][picture])]),
            Estimate.OfMean(priors),
            Estimate.OfMean(diffusion),
            Estimate.OfMean(bits[0]),
            [.. strata.Select((stratum, n) => new BoundTerm(stratum.First, stratum.Last, Estimate.OfMean(bits[n]), Estimate.OfMean(errors[n])))],
            priors.Length);
    }

    private static double Finite(double bits) => double.IsFinite(bits)
        ? bits
        : throw new EvaluationException("The bound is not a number: the model's weights, or its noise schedule, are not usable.");

    private static double[][] Table(int rows, int columns) => [.. Enumerable.Range(0, rows).Select(_ => new double[columns])];
}
