using Ddpm.Engine.Networks;
using Ddpm.Engine.Sampling;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Sampling;

public sealed class SamplingPrecisionTests
{
    [Fact]
    public void Names_AreReadBack()
    {
        Assert.Equal(["float32", "tfloat32", "bfloat16", "float16"], SamplingPrecisions.Names);
        Assert.All(SamplingPrecisions.Names, name => Assert.Equal(name, SamplingPrecisions.Parse(name).Name()));
        Assert.Contains("'double'", Assert.Throws<ArgumentException>(() => SamplingPrecisions.Parse("double")).Message, StringComparison.Ordinal);
    }

    [Theory, InlineData(SamplingPrecision.TFloat32), InlineData(SamplingPrecision.Float16)]
    public void Load_RefusesWhatACpuLacks_ByName(SamplingPrecision precision)
    {
        var fault = Assert.Throws<SamplingException>(() => DiffusionModel.Load("anywhere", CPU, precision));
        Assert.Contains(precision.Name(), fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Call_InBFloat16_GivesNearlyTheSameNumbers_AsFloat32()
    {
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        using var exact = SamplingNetwork.Of(Network(), CPU, SamplingPrecision.Float32);
        using var rounded = SamplingNetwork.Of(Network(), CPU, SamplingPrecision.BFloat16);
        var (sample, timesteps) = (linspace(-1, 1, 2 * 3 * 16 * 16).view(2, 3, 16, 16), tensor([3f, 500f]));
        var (expected, got) = (exact.Call(sample, timesteps, null), rounded.Call(sample, timesteps, null));
        Assert.Equal(ScalarType.Float32, got.dtype);
        // Not the same computation, but the same function.
        Assert.InRange((got - expected).abs().max().item<float>() / expected.abs().max().item<float>(), 1e-5, 5e-2);
    }

    private static UNet Network()
    {
        var network = TinyModel.Build(TinyModel.Network);
        network.eval();
        return network;
    }
}
