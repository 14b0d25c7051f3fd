using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks;

public sealed class ResidualBlockTests
{
    [Theory, InlineData("relu", true), InlineData("silu", false)]
    public void Forward_PutsTheTimeEmbeddingThroughTheBlocksActivation(string activation, bool negativeIsNothing)
    {
        TorchRuntime.Initialize();
        using var scope = NewDisposeScope();
        lock (GlobalRandom.Gate)
        {
            using var block = new ResidualBlock(8, 8, TinyModel.Network with { ActFn = activation });
            foreach (var parameter in block.parameters())
                nn.init.normal_(parameter); // the network does this for its blocks
            var (x, negative) = (randn(1, 8, 4, 4), -ones(1, TinyModel.Network.TimeEmbeddingWidth));
            Assert.Equal(negativeIsNothing, block.forward(x, negative).allclose(block.forward(x, zeros_like(negative))));
        }
    }
}
