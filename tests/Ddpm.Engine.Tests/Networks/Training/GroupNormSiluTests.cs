using Ddpm.Engine.Networks.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks.Training;

public sealed class GroupNormSiluTests
{
    public GroupNormSiluTests() => TorchRuntime.Initialize();

    // The last two have more pixels than a block, the first of them a block that is not full.
    [Theory]
    [InlineData(1, 16, 4, 3, 1, false)]
    [InlineData(3, 32, 5, 7, 8, true)]
    [InlineData(2, 48, 30, 29, 4, true)]
    [InlineData(2, 128, 32, 32, 32, false)]
    public void ResultAndGradients_AreThoseOfTorch(int batch, int channels, int height, int width, int groups, bool shifts)
    {
        using var scope = NewDisposeScope();
        foreach (var activates in new[] { true, false })
        {
            var expected = Compute(batch, channels, height, width, groups, shifts, activates, ScalarType.Float64, fused: false);
            AssertNear(expected, Compute(batch, channels, height, width, groups, shifts, activates, ScalarType.Float32, fused: true), 1e-5);
            AssertNear(expected, Compute(batch, channels, height, width, groups, shifts, activates, ScalarType.BFloat16, fused: true), 0.004); // results of 8 bits
        }
    }

    [Fact]
    public void ResultThatIsNotFinite_StaysSo()
    {
        using var scope = NewDisposeScope();
        using var norm = nn.GroupNorm(2, 16);
        foreach (var bad in new[] { float.NaN, float.PositiveInfinity })
        {
            var x = TinyModel.Noise(1, 16, 4, 4);
            x[0, 3, 2, 1] = bad;
            Assert.False(GroupNormSilu.Of(norm, x, shift: null, activates: true).isfinite().all().item<bool>());
        }
    }

    [Fact]
    public void Of_LeavesNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        using var norm = nn.GroupNorm(2, 16);
        Once();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var n = 0; n < 5; n++)
            Once();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Once()
        {
            using var inner = NewDisposeScope();
            GroupNormSilu.Of(norm, TinyModel.Noise(2, 16, 4, 4).requires_grad_(), TinyModel.Noise(2, 16).requires_grad_(), activates: true).sum().backward();
        }
    }

    private static List<Tensor> Compute(int batch, int channels, int height, int width, int groups, bool shifts, bool activates, ScalarType type, bool fused)
    {
        var norm = nn.GroupNorm(groups, channels, 1e-5).to(type);
        using (no_grad())
        {
            norm.weight!.copy_(Rounded(linspace(-1, 2, channels)));
            norm.bias!.copy_(Rounded(linspace(0.5, -0.5, channels)));
        }

        var x = Rounded(linspace(-4000, 6000, batch * channels * height * width).sin() + 0.25).view(batch, channels, height, width).to(type).requires_grad_(true);
        var shift = shifts ? Rounded(linspace(-1, 1, batch * channels)).view(batch, channels).to(type).requires_grad_(true) : null;
        var result = fused ? GroupNormSilu.Of(norm, x, shift, activates) : Plain(norm, x, shift, activates);
        (result * Rounded(linspace(3000, -2000, result.numel()).cos()).view(result.shape).to(type)).sum().backward();
        return [result, x.grad!, norm.weight!.grad!, norm.bias!.grad!, .. shift is null ? Array.Empty<Tensor>() : [shift.grad!]];
    }

    // So that all types are given the same numbers.
    private static Tensor Rounded(Tensor numbers) => numbers.to(ScalarType.BFloat16).to(ScalarType.Float32);

    private static Tensor Plain(GroupNorm norm, Tensor x, Tensor? shift, bool activates)
    {
        var h = norm.call(shift is null ? x : x + shift.unsqueeze(-1).unsqueeze(-1));
        return activates ? nn.functional.silu(h) : h;
    }

    private static void AssertNear(List<Tensor> expected, List<Tensor> actual, double tolerance) => Assert.All(expected.Zip(actual), pair =>
    {
        Assert.Equal(pair.First.shape, pair.Second.shape);
        var error = (pair.Second.to(ScalarType.Float64) - pair.First).norm().item<double>();
        Assert.True(error <= tolerance * pair.First.norm().item<double>() + 1e-6, $"{error} of {pair.First.norm().item<double>()}");
    });
}
