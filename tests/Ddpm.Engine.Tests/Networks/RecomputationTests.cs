using Ddpm.Engine.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks;

public sealed class RecomputationTests
{
    public RecomputationTests() => TorchRuntime.Initialize();

    [Theory, InlineData(0.0), InlineData(0.4)]
    public void Gradients_AreTheSame_WhetherBlocksAreKeptOrComputedAgain(double dropout)
    {
        using var scope = NewDisposeScope();
        using var network = TinyModel.Build(TinyModel.Network with { Dropout = dropout });
        network.to(ScalarType.Float64); // sums are added up in another order, which here shows only in the last digits
        network.train();
        network.DropoutSeed = 17;
        var (kept, keptLoss) = GradientsOf(network);
        network.RecomputesBlocks = true;
        var (recomputed, recomputedLoss) = GradientsOf(network);
        Assert.Equal(keptLoss, recomputedLoss);
        Assert.All(kept, pair => Assert.True(pair.Value.allclose(recomputed[pair.Key], rtol: 1e-9, atol: 1e-9), pair.Key));

        network.DropoutSeed = 18;
        Assert.Equal(dropout == 0, GradientsOf(network).Loss == keptLoss); // or nothing would have been dropped
    }

    [Fact]
    public void Recomputation_LeavesNoTensorBehind()
    {
        using var scope = NewDisposeScope();
        using var network = TinyModel.Build(TinyModel.Network);
        network.train();
        network.RecomputesBlocks = true;
        GradientsOf(network);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var repeat = 0; repeat < 5; repeat++)
        {
            using var inner = NewDisposeScope();
            GradientsOf(network);
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static (Dictionary<string, Tensor> Gradients, double Loss) GradientsOf(UNet network)
    {
        network.zero_grad();
        var pixels = 2 * 3 * 8 * 8;
        var sample = linspace(-2, 2, pixels, dtype: network.Dtype).view(2, 3, 8, 8);
        var weights = linspace(1, -3, pixels, dtype: network.Dtype).view(2, 3, 8, 8).cos();
        Tensor loss;
        lock (GlobalRandom.Gate) // dropout draws
        {
            loss = (network.call(sample, tensor(new long[] { 3, 700 }), null) * weights).sum();
            loss.backward();
        }

        return (network.named_parameters().ToDictionary(pair => pair.name, pair => pair.parameter.grad!.clone()), loss.to(ScalarType.Float64).item<double>());
    }
}
