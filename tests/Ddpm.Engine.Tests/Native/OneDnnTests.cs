using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Native;

public sealed class OneDnnTests
{
    /// <summary>Whatever it decides here: convolutions as the networks have them, in channels that fill no whole block, agree with those in double precision, which libtorch computes itself.</summary>
    [Theory, InlineData(24, 16, 8, 1, 1), InlineData(24, 24, 17, 2, 0), InlineData(40, 40, 16, 1, 1), InlineData(72, 40, 9, 1, 1), InlineData(3, 48, 32, 1, 1), InlineData(96, 3, 32, 1, 1)]
    public void Convolutions_AreRight(int inputs, int outputs, int side, int stride, int padding)
    {
        TorchRuntime.Initialize();
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var (sample, weight) = (TinyModel.Noise(2, inputs, side, side), TinyModel.Noise(outputs, inputs, 3, 3));
        Tensor Convolve(ScalarType type) => nn.functional.conv2d(sample.to(type), weight.to(type), strides: [stride, stride], padding: [padding, padding]);

        var (expected, got) = (Convolve(float64), Convolve(float32).to(float64));

        Assert.InRange((got - expected).abs().max().item<double>(), 0, 1e-4 * expected.abs().max().item<double>());
    }
}
