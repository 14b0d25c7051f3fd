using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class LossWeightingTests
{
    // ᾱ = 0.9, 0.5 and 0.1: signal-to-noise ratios 9, 1 and 1/9.
    private static readonly NoiseSchedule Schedule = NoiseSchedule.From(new NoiseScheduleConfig { Timesteps = 3, TrainedBetas = [0.1, 4 / 9.0, 0.8] });

    [Theory]
    [InlineData(PredictionType.Epsilon, 5 / 9.0, 1, 1)]
    [InlineData(PredictionType.Original, 5, 1, 1 / 9.0)]
    [InlineData(PredictionType.V, 0.5, 0.5, 0.1)]
    public void MinSnr_CapsTheRatioAtGamma_InWhateverTheNetworkPredicts(PredictionType predictionType, double first, double second, double third) =>
        AssertFactors([first, second, third], new LossWeighting { Kind = LossWeightingKind.MinSnr }, predictionType);

    [Theory]
    [InlineData(PredictionType.Epsilon, 0.1, 0.5, 0.9)]
    [InlineData(PredictionType.Original, 0.9, 0.5, 0.1)]
    [InlineData(PredictionType.V, 0.09, 0.25, 0.09)]
    public void P2_CountsNoisyTimestepsMore_InWhateverTheNetworkPredicts(PredictionType predictionType, double first, double second, double third) =>
        AssertFactors([first, second, third], new LossWeighting { Kind = LossWeightingKind.P2 }, predictionType);

    [Fact]
    public void P2_OfGammaZero_CountsAllAlike() => AssertFactors([1, 1, 1], new LossWeighting { Kind = LossWeightingKind.P2, P2Gamma = 0 }, PredictionType.Epsilon);

    [Fact]
    public void Factors_AreFinite_WhereTheLastTimestepHasNoSignal()
    {
        var schedule = NoiseSchedule.From(new NoiseScheduleConfig { Timesteps = 10, RescaleBetasZeroSnr = true, PredictionType = "v_prediction" });
        foreach (var kind in new[] { LossWeightingKind.MinSnr, LossWeightingKind.P2 })
        {
            Assert.Equal(0, new LossWeighting { Kind = kind }.Factors(schedule, PredictionType.V)![^1]);
            Assert.Equal(1, new LossWeighting { Kind = kind }.Factors(schedule, PredictionType.Epsilon)![^1]);
            Assert.All(new LossWeighting { Kind = kind }.Factors(schedule, PredictionType.V)!, factor => Assert.True(double.IsFinite(factor)));
        }
    }

    [Fact]
    public void Uniform_HasNoFactors() => Assert.Null(new LossWeighting().Factors(Schedule, PredictionType.Epsilon));

    private static void AssertFactors(double[] expected, LossWeighting weighting, PredictionType predictionType) =>
        Assert.All(weighting.Factors(Schedule, predictionType)!.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 1e-6));
}
