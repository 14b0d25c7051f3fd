using Ddpm.Engine.Training;

namespace Ddpm.Engine.Tests.Training;

public sealed class LossScalerTests
{
    [Fact]
    public void Scale_HalvesAtEveryOverflow_AndDoublesAfterTwoThousandStepsWithout()
    {
        var scaler = new LossScaler(enabled: true);
        Assert.Equal(65536, scaler.Scale);
        scaler.Update(finite: false);
        Assert.Equal(32768, scaler.Scale);
        Repeat(1999, () => scaler.Update(finite: true));
        Assert.Equal(32768, scaler.Scale);
        scaler.Update(finite: true);
        Assert.Equal(65536, scaler.Scale);
    }

    [Fact]
    public void Scale_CountsAnew_AfterAnOverflowAndAfterARestart()
    {
        var scaler = new LossScaler(enabled: true);
        Repeat(1500, () => scaler.Update(finite: true));
        var resumed = new LossScaler(enabled: true);
        resumed.Restore(scaler.Scale, scaler.GoodSteps);
        Repeat(500, () => resumed.Update(finite: true));
        Assert.Equal(131072, resumed.Scale);

        scaler.Update(finite: false);
        Repeat(1999, () => scaler.Update(finite: true));
        Assert.Equal(32768, scaler.Scale);
    }

    [Fact]
    public void Scale_DoesNotFallBelowOne_WhereAnOverflowIsTheNetworks()
    {
        var scaler = new LossScaler(enabled: true);
        Repeat(16, () => scaler.Update(finite: false));
        Assert.Equal((1, false), (scaler.Scale, scaler.CanBackOff));
        scaler.Update(finite: false);
        Assert.Equal(1, scaler.Scale);
    }

    [Fact]
    public void Scale_IsOne_WhereNoneIsNeeded()
    {
        var scaler = new LossScaler(enabled: false);
        scaler.Update(finite: false);
        Repeat(3000, () => scaler.Update(finite: true));
        Assert.Equal((1, false), (scaler.Scale, scaler.CanBackOff));
    }

    private static void Repeat(int times, Action action)
    {
        for (var time = 0; time < times; time++)
            action();
    }
}
