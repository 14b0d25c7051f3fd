using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class LearningRateTests
{
    [Theory]
    [InlineData(LearningRateSchedule.Cosine, 0, 0)]
    [InlineData(LearningRateSchedule.Linear, 5, 1)]
    [InlineData(LearningRateSchedule.Constant, 5, 1)]
    [InlineData(LearningRateSchedule.Cosine, 10, 2)]
    [InlineData(LearningRateSchedule.Linear, 10, 2)]
    [InlineData(LearningRateSchedule.Cosine, 60, 1)]
    [InlineData(LearningRateSchedule.Linear, 60, 1)]
    [InlineData(LearningRateSchedule.Linear, 85, 0.5)]
    [InlineData(LearningRateSchedule.Constant, 109, 2)]
    [InlineData(LearningRateSchedule.Linear, 200, 0)] // past its end
    public void Rate_RisesFromNothing_AndThenFollowsItsShape(LearningRateSchedule schedule, long step, double expected) =>
        Assert.Equal(expected, LearningRate.At(schedule, step, highest: 2, warmupSteps: 10, totalSteps: 110), 1e-12);

    [Fact]
    public void Average_OfAFixedDecay_HasItFromTheSecondStepOn()
    {
        var schedule = new TrainingConfig { TotalSteps = 1, EmaDecay = 0.9, EmaRise = EmaRise.Fixed }.EmaSchedule;
        Assert.Equal([0, 0.9, 0.9], [schedule.DecayAt(1), schedule.DecayAt(2), schedule.DecayAt(100)]);
    }

    [Fact]
    public void Average_OfAWarmUp_RisesAlongThePower()
    {
        var schedule = new TrainingConfig { TotalSteps = 1, EmaDecay = 0.9, EmaRise = EmaRise.Warmup, EmaPower = 0.5, EmaUpdateAfterStep = 1 }.EmaSchedule;
        Assert.Equal([0, 0.5, 0.9], [schedule.DecayAt(2), schedule.DecayAt(5), schedule.DecayAt(1000)]); // 1 − 1/√4
    }
}
