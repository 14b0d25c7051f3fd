using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Training;

public sealed class DenoisingLossTests
{
    private static readonly double Half = Math.Sqrt(0.5);

    public DenoisingLossTests() => TorchRuntime.Initialize();

    // ᾱ = 1/2, so v = √½·(ε − x_0). A network that always says 0 is wrong by all of its target.
    [Theory]
    [InlineData(PredictionType.Epsilon, 0.3, 0.8, 0.64)]
    [InlineData(PredictionType.Original, 0.3, 0.8, 0.09)]
    [InlineData(PredictionType.V, 0.3, 0.8, 0.125)]
    [InlineData(PredictionType.V, 0.5, 0.5, 0)]
    public void Loss_IsTheSquareOfWhatShouldHaveBeenPredicted(PredictionType predictionType, double original, double noise, double expected)
    {
        using var scope = NewDisposeScope();
        using var forward = new ForwardProcess(NoiseSchedule.From(new NoiseScheduleConfig { Timesteps = 1, TrainedBetas = [0.5] }), CPU);
        using var loss = new DenoisingLoss(forward, predictionType);
        Assert.Equal(expected, loss.Compute(Silent(), Pictures(original), Pictures(noise), zeros(2, dtype: ScalarType.Int64)).item<float>(), 1e-6);
    }

    [Fact]
    public void Loss_CountsEachPictureByItsTimestep()
    {
        using var scope = NewDisposeScope();
        using var forward = new ForwardProcess(NoiseSchedule.From(new NoiseScheduleConfig { Timesteps = 2, TrainedBetas = [0.1, 0.5] }), CPU);
        using var loss = new DenoisingLoss(forward, PredictionType.Epsilon, [10, 100]);
        var noise = cat([full([1, 3, 8, 8], 1f), full([1, 3, 8, 8], 2f)]);
        Assert.Equal((10 * 1 + 100 * 4) / 2.0, loss.Compute(Silent(), Pictures(0), noise, tensor(new long[] { 0, 1 })).item<float>(), 1e-3);
    }

    [Fact]
    public void Velocity_TurnsAlongTheCircleOfOriginalAndNoise()
    {
        using var scope = NewDisposeScope();
        using var forward = new ForwardProcess(NoiseSchedule.From(new NoiseScheduleConfig { Timesteps = 1, TrainedBetas = [0.5] }), CPU);
        var (original, noise, timesteps) = (linspace(-1, 1, 96).view(2, 3, 4, 4), linspace(2, -3, 96).view(2, 3, 4, 4), zeros(2, dtype: ScalarType.Int64));
        var (x, v) = (forward.AddNoise(original, noise, timesteps), forward.Velocity(original, noise, timesteps));
        Assert.True((Half * x - Half * v).allclose(original, atol: 1e-6)); // Salimans & Ho 2022, appendix D
        Assert.True((Half * x + Half * v).allclose(noise, atol: 1e-6));
    }

    private static Tensor Pictures(double value) => full([2, 3, 8, 8], (float)value);

    private static UNet Silent()
    {
        var network = TinyModel.Build(TinyModel.Network);
        using var noGradients = no_grad();
        foreach (var parameter in network.named_children().Single(child => child.name == "conv_out").module.parameters())
            parameter.zero_();
        return network;
    }
}
