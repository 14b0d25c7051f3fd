using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class AdamWTests
{
    private static readonly TrainingConfig Config = new() { TotalSteps = 1, WeightDecay = 0.1 };

    private static readonly int[] Counts = [1, 37, 40_001];

    public static IEnumerable<TheoryDataRow<int, string>> CountsAndWays =>
        from count in Counts from way in Enum.GetNames<AdamWWay>() select new TheoryDataRow<int, string>(count, way);

    public AdamWTests() => TorchRuntime.Initialize();

    // Lengths that are no multiple of a vector, and one of several pieces.
    [Theory, MemberData(nameof(CountsAndWays))]
    public void Step_MovesWeightsAndAverageAsTorchsOwnOperationsDo(int count, string wayName)
    {
        var way = Enum.Parse<AdamWWay>(wayName);
        using var scope = NewDisposeScope();
        using var weight = nn.Parameter(Numbers(count, 1));
        var (expected, m, v, expectedAverage) = (weight.detach().clone(), zeros(count), zeros(count), Numbers(count, 2));
        var average = expectedAverage.clone();
        using var optimizer = new AdamW(new MovedTensors([("w", weight)], [average], null), Config, way);
        for (var step = 1; step <= 3; step++)
        {
            var gradient = Numbers(count, 3 + step);
            weight.grad = gradient.clone();
            var norm = optimizer.ClipGradients(0.5);
            Assert.Equal(gradient.norm().item<float>(), norm, 1e-5 * norm);
            gradient.mul_(Math.Min(1, 0.5 / (norm + 1e-6)));
            var share = step == 2 ? 0.75 : 0.01; // both halves of torch's lerp
            optimizer.Step(1e-2, share);
            expected.mul_(1 - (1e-2 * Config.WeightDecay));
            m.lerp_(gradient, 1 - Config.Beta1);
            v.mul_(Config.Beta2).addcmul_(gradient, gradient, 1 - Config.Beta2);
            var denominator = v.sqrt().div_(Math.Sqrt(1 - Math.Pow(Config.Beta2, step))).add_(Config.AdamEpsilon);
            expected.addcdiv_(m, denominator, -1e-2 / (1 - Math.Pow(Config.Beta1, step)));
            expectedAverage.lerp_(expected, share);
            Assert.True(weight.grad is null);
        }

        Assert.True(weight.allclose(expected, rtol: 1e-5, atol: 1e-7));
        Assert.True(average.allclose(expectedAverage, rtol: 1e-5, atol: 1e-7));
    }

    [Fact]
    public void Step_RoundsTheWeightsIntoTheirCopy_AndReadsTheCopysGradient()
    {
        using var scope = NewDisposeScope();
        using var weight = nn.Parameter(Numbers(1003, 1));
        using var same = nn.Parameter(Numbers(1003, 1));
        using var copy = nn.Parameter(weight.detach().to(ScalarType.BFloat16));
        using var narrow = new AdamW(new MovedTensors([("w", weight)], null, [copy]), Config);
        using var wide = new AdamW([("w", same)], Config);
        copy.grad = Numbers(1003, 2).to(ScalarType.BFloat16);
        same.grad = copy.grad!.to(ScalarType.Float32);
        Assert.Equal(wide.ClipGradients(1), narrow.ClipGradients(1));
        narrow.Step(0.1);
        wide.Step(0.1);
        Assert.Equal(same.detach().bytes.ToArray(), weight.detach().bytes.ToArray());
        Assert.Equal(weight.detach().to(ScalarType.BFloat16).bytes.ToArray(), copy.detach().bytes.ToArray());
        Assert.True(copy.grad is null);
    }

    [Fact]
    public void Fused_RoundsTheWeightsIntoTheirCopy()
    {
        using var scope = NewDisposeScope();
        using var weight = nn.Parameter(Numbers(1003, 1));
        using var copy = nn.Parameter(weight.detach().to(ScalarType.BFloat16));
        using var optimizer = new AdamW(new MovedTensors([("w", weight)], null, [copy]), Config, AdamWWay.Fused);
        copy.grad = Numbers(1003, 2).to(ScalarType.BFloat16);
        optimizer.Step(0.1);
        Assert.Equal(weight.detach().to(ScalarType.BFloat16).bytes.ToArray(), copy.detach().bytes.ToArray());
    }

    [Fact]
    public void Step_DoesNotDependOnTheNumberOfThreads()
    {
        var threads = get_num_threads();
        try
        {
            Assert.Equal(Moved(1), Moved(3));
        }
        finally
        {
            set_num_threads(threads);
        }

        static (double, string) Moved(int threads)
        {
            set_num_threads(threads);
            using var scope = NewDisposeScope();
            using var weight = nn.Parameter(Numbers(100_003, 1));
            using var optimizer = new AdamW([("w", weight)], Config);
            weight.grad = Numbers(100_003, 2);
            var norm = optimizer.ClipGradients(1);
            optimizer.Step(0.1);
            return (norm, Convert.ToHexString(weight.detach().bytes));
        }
    }

    private static Tensor Numbers(int count, int seed) => tensor(Enumerable.Range(1, count).Select(n => MathF.Sin(n * seed * 0.37f)).ToArray());
}
