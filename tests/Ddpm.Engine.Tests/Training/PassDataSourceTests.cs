using Ddpm.Engine.Data;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class PassDataSourceTests : TrainerRuns
{
    [Fact]
    public void Data_IsTheSame_WhetherItWasMadeAheadOrOnDemand()
    {
        using var inOrder = Source();
        using var jumping = Source();
        var expected = Enumerable.Range(0, 6).Select(index => inOrder.At(index)).ToList();
        foreach (var index in new[] { 5, 0, 1, 4, 4, 2, 3 })
        {
            var actual = jumping.At(index);
            Assert.Equal(expected[index].Batch.Images.Pixels, actual.Batch.Images.Pixels);
            Assert.Equal(expected[index].Noise, actual.Noise);
            Assert.Equal(expected[index].Timesteps, actual.Timesteps);
            Assert.Equal(expected[index].Labels, actual.Labels);
        }

        Assert.NotEqual(expected[0].Noise, expected[1].Noise);
    }

    private PassDataSource Source() => new(Config with { LabelDropout = 0.5 }, new NoiseScheduleConfig(), new BatchLoader(Dataset, 4, 11, true), knowsClasses: true, nullClass: 3);
}
