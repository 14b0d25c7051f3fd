using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Likelihood;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

/// <summary>Data so simple that the best prediction, and what the bound then is, can be written down.</summary>
public sealed class VariationalBoundTests
{
    private const double Bits = 1.4426950408889634; // of a nat

    private static readonly DiffusionTables Tables = new(NoiseSchedule.Linear(40, 1e-3, 0.3).Betas);

    public static TheoryData<PredictionType, ReverseVariance> Models => new(
        from type in Enum.GetValues<PredictionType>() from variance in Enum.GetValues<ReverseVariance>() select (type, variance));

    public VariationalBoundTests() => TorchRuntime.Initialize();

    // x_0 ~ N(0, s²): E[x_0 | x_t] is linear in x_t and misses x_0 by the variance r = s²(1 − ᾱ)/(ᾱs² + 1 − ᾱ).
    [Theory, MemberData(nameof(Models))]
    public void Terms_AverageToTheClosedForm_WhenTheModelIsTheBestForGaussianData(PredictionType prediction, ReverseVariance variance)
    {
        using var scope = NewDisposeScope();
        const double s2 = 0.16;
        var bound = new VariationalBound(Tables, new BoundConfig { Prediction = prediction, Variance = variance, ClipRange = null });
        foreach (var t in new[] { 1, 2, 10, 39 })
        {
            var (original, noise) = (Math.Sqrt(s2) * Normals(t, 64, 3, 16, 16), Normals(100 + t, 64, 3, 16, 16));
            var timesteps = Enumerable.Repeat(t, 64).ToArray();
            var noised = bound.AddNoise(original, noise, timesteps);
            var alpha = Tables.AlphasCumprod[t];
            var best = Math.Sqrt(alpha) * s2 / ((alpha * s2) + 1 - alpha) * noised;
            var terms = bound.Terms(original, noise, noised, timesteps, Output(prediction, variance, noised, best, alpha));

            var missed = s2 * (1 - alpha) / ((alpha * s2) + 1 - alpha);
            var (small, large) = (Tables.PosteriorLogVariances[t], Tables.LargeLogVariances[t]);
            var model = variance switch { ReverseVariance.FixedSmall => small, ReverseVariance.FixedLarge => large, _ => (0.25 * large) + (0.75 * small) };
            var squared = Tables.PosteriorOriginal[t] * Tables.PosteriorOriginal[t] * missed;
            var expected = 0.5 * Bits * (model - small - 1 + Math.Exp(small - model) + (squared / Math.Exp(model)));
            AssertWithin(expected, Estimate.OfMean(terms.BitsPerDimension));
            AssertWithin(alpha * missed / (1 - alpha), Estimate.OfMean(terms.MeanSquaredError));
        }
    }

    // All data is one picture, and the model knows it: with β̃ every reverse step is exact, and what is left is the decoder.
    [Theory, InlineData(NormalCdf.Erf, 1e-12), InlineData(NormalCdf.Tanh, 2e-3)]
    public void Bound_IsTheDecodersAlone_WhenTheModelKnowsTheOnlyPicture(NormalCdf cdf, double tolerance)
    {
        using var scope = NewDisposeScope();
        var original = full([2, 3, 4, 4], 2 * 77 / 255.0 - 1, ScalarType.Float64);
        var bound = new VariationalBound(Tables, new BoundConfig { Prediction = PredictionType.Original, Cdf = cdf });
        var total = Enumerable.Range(0, Tables.Timesteps).Sum(t => TermOf(bound, original, t, (_, _) => original));

        var deviation = Math.Exp(0.5 * Tables.PosteriorLogVariances[0]);
        var inBin = tensor(1 / 255.0 / deviation / Math.Sqrt(2), ScalarType.Float64).erf().item<double>(); // Φ(z) − Φ(−z) = erf(z/√2)
        Assert.Equal(-Math.Log2(inBin), total, tolerance);
    }

    [Fact]
    public void Bound_LiesJustAboveTheEntropy_WhenTheModelIsTheBestForGaussianData()
    {
        using var scope = NewDisposeScope();
        const double s = 0.25;
        var tables = new DiffusionTables(NoiseSchedule.Linear(400, 2.5e-4, 0.05).Betas);
        var bound = new VariationalBound(tables, new BoundConfig { Prediction = PredictionType.Original, Variance = ReverseVariance.FixedLarge, ClipRange = null });
        var original = (((s * Normals(7, 16, 1, 32, 32)).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1;
        var total = bound.Prior(original).Average() + Enumerable.Range(0, tables.Timesteps).Sum(t => TermOf(bound, original, t, (noised, alpha) =>
            Math.Sqrt(alpha) * s * s / ((alpha * s * s) + 1 - alpha) * noised));

        var entropy = (0.5 * Math.Log2(2 * Math.PI * Math.E * s * s)) + Math.Log2(127.5); // bins are 1/127.5 wide
        Assert.InRange(total, entropy - 0.02, entropy + 0.15); // 0.011 is the standard error of the data's own average
    }

    [Fact]
    public void LogProbability_OfAllValues_SumsToOne()
    {
        using var scope = NewDisposeScope();
        var values = (arange(0, 256, ScalarType.Float64) / 127.5) - 1;
        foreach (var (mean, deviation) in new[] { (0.1, 0.02), (-1.0, 0.5), (0.99, 0.003), (0.3, 10.0) })
            foreach (var cdf in Enum.GetValues<NormalCdf>())
            {
                var logs = DiscretisedGaussian.LogProbability(values, full_like(values, mean), tensor(2 * Math.Log(deviation), ScalarType.Float64), cdf);
                Assert.Equal(1, logs.exp().sum().item<double>(), 1e-9);
            }
    }

    [Fact]
    public void Terms_RefuseAnOutputWithTheWrongChannels()
    {
        using var scope = NewDisposeScope();
        var bound = new VariationalBound(Tables, new BoundConfig { Variance = ReverseVariance.LearnedRange });
        var picture = zeros([1, 3, 2, 2], ScalarType.Float64);
        Assert.Contains("6 are needed", Assert.Throws<EvaluationException>(() => bound.Terms(picture, picture, picture, [3], picture)).Message);
    }

    private static double TermOf(VariationalBound bound, Tensor original, int t, Func<Tensor, double, Tensor> predictOriginal)
    {
        using var scope = NewDisposeScope();
        var timesteps = Enumerable.Repeat(t, (int)original.shape[0]).ToArray();
        var noise = Normals(1000 + t, original.shape);
        var noised = bound.AddNoise(original, noise, timesteps);
        return bound.Terms(original, noise, noised, timesteps, predictOriginal(noised, bound.Tables.AlphasCumprod[t])).BitsPerDimension.Average();
    }

    // What a network of that kind gives where it believes the picture to be `best`; a quarter of the way from β̃ to β where it learns the variance.
    private static Tensor Output(PredictionType prediction, ReverseVariance variance, Tensor noised, Tensor best, double alpha)
    {
        var epsilon = (noised - (Math.Sqrt(alpha) * best)) / Math.Sqrt(1 - alpha);
        var output = prediction switch { PredictionType.Epsilon => epsilon, PredictionType.Original => best, _ => (Math.Sqrt(alpha) * epsilon) - (Math.Sqrt(1 - alpha) * best) };
        return variance == ReverseVariance.LearnedRange ? cat([output, full_like(output, -0.5)], 1) : output;
    }

    private static void AssertWithin(double expected, Estimate estimate) => Assert.Equal(expected, estimate.Value, 4.5 * estimate.StandardError);

    private static Tensor Normals(long seed, params long[] shape)
    {
        using var generator = new Generator((ulong)seed, CPU);
        return randn(shape, ScalarType.Float64, generator: generator);
    }
}
