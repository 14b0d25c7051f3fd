using Ddpm.Engine.Evaluation;
using Ddpm.Engine.Evaluation.Features;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Evaluation;

public sealed class FeatureDistanceTests
{
    public FeatureDistanceTests() => TorchRuntime.Initialize();

    // Covariances that commute: Σ(√λ − √μ)², here rotated together so that neither is diagonal.
    [Fact]
    public void Frechet_OfGaussiansWithCommutingCovariances_IsTheClosedForm()
    {
        using var scope = NewDisposeScope();
        var turn = linalg.qr(Normals(1, 4, 4)).Q;
        Tensor Covariance(params double[] values) => (turn * tensor(values, ScalarType.Float64)).matmul(turn.t());
        var distance = FrechetDistance.Between(
            tensor([1.0, 2, 3, 4]), Covariance(4, 9, 1, 0), tensor([1.0, 0, 3, 5]), Covariance(1, 4, 9, 25));
        Assert.Equal(4 + 1 + (1 + 1 + 4 + 25), distance, 1e-6); // one is singular, and the root of an eigenvalue's rounding error is 1e-8
    }

    // Covariances that do not commute, two by two: tr (AB)^½ = √(tr AB + 2√det AB).
    [Fact]
    public void Frechet_OfGaussiansInThePlane_IsTheClosedForm()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (tensor(new double[,] { { 2, 1 }, { 1, 3 } }), tensor(new double[,] { { 5, -2 }, { -2, 1 } }));
        var zero = zeros(2, ScalarType.Float64);
        var trace = Math.Sqrt(((2 * 5) + (1 * -2) + (1 * -2) + (3 * 1)) + (2 * Math.Sqrt(5 * 1)));
        Assert.Equal(5 + 6 - (2 * trace), FrechetDistance.Between(zero, a, zero, b), 1e-9);
        Assert.Equal(5 + 6 - (2 * trace), FrechetDistance.Between(zero, b, zero, a), 1e-9);
    }

    [Theory, InlineData(500), InlineData(7)]
    public void Frechet_OfASetWithItself_IsZero_EvenWhereItsCovarianceIsSingular(int pictures)
    {
        using var statistics = Gathered(Normals(2, pictures, 20), 64);
        Assert.Equal(0, FrechetDistance.Between(statistics, statistics), 1e-6);
    }

    [Fact]
    public void Statistics_AreTheSame_HoweverTheFeaturesAreCut_AndFarFromZero()
    {
        using var scope = NewDisposeScope();
        var features = Normals(3, 1000, 6).matmul(Normals(4, 6, 6)) + 1e6;
        using var pieces = Gathered(features, 37);
        Assert.Equal(1000, pieces.Count);
        Assert.True((pieces.Mean - features.mean([0])).abs().max().item<double>() < 1e-8);
        var centred = features - features.mean([0]);
        Assert.True((pieces.Covariance() - (centred.t().matmul(centred) / 999)).abs().max().item<double>() < 1e-7);
    }

    // k(x, y) = (xy + 1)³ in one dimension: written out for x = {0, 1, 2} and y = {1, 1, 3}.
    [Fact]
    public void Kernel_OfThreeAndThree_IsWhatItIsByHand()
    {
        using var scope = NewDisposeScope();
        var left = tensor([0.0, 1, 2]).view(3, 1);
        var right = tensor([1.0, 1, 3]).view(3, 1);
        var within1 = (1 + 1 + 27) / 3.0; // k(0,1), k(0,2), k(1,2)
        var within2 = (8 + 64 + 64) / 3.0; // k(1,1), k(1,3), k(1,3)
        var across = ((1 + 1 + 1) + (8 + 8 + 64) + (27 + 27 + 343)) / 9.0;
        Assert.Equal(within1 + within2 - (2 * across), KernelDistance.Between(left, right, CancellationToken.None).Value, 1e-9);
    }

    [Fact]
    public void Kernel_OfEqualDistributions_HasTheMeanZero_AndItsStandardErrorIsTheSpread()
    {
        using var scope = NewDisposeScope();
        var runs = Enumerable.Range(0, 60).Select(run => KernelDistance.Between(Normals(100 + (ulong)run, 40, 5), Normals(1000 + (ulong)run, 60, 5), CancellationToken.None)).ToList();
        var mean = Estimate.OfMean([.. runs.Select(run => run.Value)]);
        Assert.True(Math.Abs(mean.Value) < 3 * mean.StandardError, $"{mean}");
        Assert.Contains(runs, run => run.Value < 0);
        AssertSpread(runs, mean);
    }

    // E(xy/1 + 1)³ in one dimension of N(m, 1): E[k] = E[(xy)³] + 3E[(xy)²] + 3E[xy] + 1 with E[x]=m, E[x²]=m²+1, E[x³]=m³+3m.
    [Fact]
    public void Kernel_OfShiftedNormals_AgreesWithTheClosedForm_WithinItsStandardError()
    {
        using var scope = NewDisposeScope();
        static double Kernel(double m, double n) => (Third(m) * Third(n)) + (3 * Second(m) * Second(n)) + (3 * m * n) + 1;
        static double Second(double m) => (m * m) + 1;
        static double Third(double m) => (m * m * m) + (3 * m);
        var expected = Kernel(0, 0) + Kernel(0.8, 0.8) - (2 * Kernel(0, 0.8));
        var runs = Enumerable.Range(0, 40).Select(run => KernelDistance.Between(Normals(200 + (ulong)run, 300, 1), Normals(2000 + (ulong)run, 200, 1) + 0.8, CancellationToken.None)).ToList();
        var mean = Estimate.OfMean([.. runs.Select(run => run.Value)]);
        Assert.Equal(expected, mean.Value, 3.5 * mean.StandardError);
        AssertSpread(runs, mean);
    }

    // Efron & Stein 1981, by its definition: the distance measured again without each picture.
    [Fact]
    public void Kernel_StandardError_IsThatOfLeavingEachPictureOut()
    {
        using var scope = NewDisposeScope();
        var (left, right) = (Normals(7, 6, 2), Normals(8, 5, 2) + 0.5);
        double Variance(Tensor set, Func<Tensor, double> distance)
        {
            var count = (int)set.shape[0];
            var without = Enumerable.Range(0, count).Select(omitted => distance(cat([set[..omitted], set[(omitted + 1)..]]))).ToList();
            return (count - 1.0) / count * without.Sum(value => Math.Pow(value - without.Average(), 2));
        }

        var expected = Variance(left, set => KernelDistance.Between(set, right, CancellationToken.None).Value)
            + Variance(right, set => KernelDistance.Between(left, set, CancellationToken.None).Value);
        Assert.Equal(Math.Sqrt(expected), KernelDistance.Between(left, right, CancellationToken.None).StandardError, 1e-9);
    }

    [Fact]
    public void Kernel_GivesTheSame_InPieces()
    {
        using var scope = NewDisposeScope();
        var (left, right) = (Normals(5, 1100, 3), Normals(6, 600, 3)); // more than one piece
        var whole = (left.matmul(right.t()) / 3 + 1).pow(3).mean().item<double>();
        double Own(Tensor set) => (((set.matmul(set.t()) / 3) + 1).pow(3).sum() - (((set * set).sum([1]) / 3) + 1).pow(3).sum()).item<double>() / (set.shape[0] * (set.shape[0] - 1.0));
        Assert.Equal(Own(left) + Own(right) - (2 * whole), KernelDistance.Between(left, right, CancellationToken.None).Value, 1e-9);
    }

    // The standard errors that the runs state, against how far the runs lie apart; the jackknife overstates a little where the distance is 0.
    private static void AssertSpread(List<Estimate> runs, Estimate mean)
    {
        var spread = mean.StandardError * Math.Sqrt(runs.Count);
        Assert.InRange(Math.Sqrt(runs.Average(run => run.StandardError * run.StandardError)), 0.7 * spread, 1.7 * spread);
    }

    private static FeatureStatistics Gathered(Tensor features, int atOnce)
    {
        var statistics = new FeatureStatistics();
        for (var first = 0; first < features.shape[0]; first += atOnce)
        {
            using var piece = features.narrow(0, first, Math.Min(atOnce, features.shape[0] - first));
            statistics.Add(piece);
        }

        return statistics;
    }

    private static Tensor Normals(ulong seed, params long[] shape)
    {
        using var generator = new Generator(seed, CPU);
        return randn(shape, ScalarType.Float64, generator: generator);
    }
}
