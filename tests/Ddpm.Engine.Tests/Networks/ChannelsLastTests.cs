using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks;

public sealed class ChannelsLastTests
{
    [Fact]
    public void Convert_ChangesTheOrderOfTheWeights_AndNothingElse()
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        using var network = TinyModel.Build(TinyModel.Network);
        network.eval();
        var (sample, timesteps) = (TinyModel.Noise(2, network.Config.InChannels, 16, 16), tensor([3f, 500f]));
        var expected = network.call(sample, timesteps, null);

        ChannelsLast.Convert(network);
        var output = network.call(ChannelsLast.Of(sample), timesteps, null);

        Assert.Equal(expected.shape, output.shape);
        Assert.InRange((output - expected).abs().max().item<float>(), 0, 1e-4f * expected.abs().max().item<float>());
        Assert.All(network.parameters().Where(parameter => parameter.ndim == 4), weight => Assert.Equal(1, weight.stride(1)));
    }
}
