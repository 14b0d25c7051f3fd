using Ddpm.Engine.Sampling.Shared;

namespace Ddpm.Engine.Tests.Sampling.Shared;

public sealed class CallCostsTests
{
    [Fact]
    public void Of_FollowsWhatIsMeasured_AndBetweenByTheGuess()
    {
        var costs = new CallCosts(rows => rows);
        Learn(costs, 4, milliseconds: 8);
        Assert.Equal(0.008, costs.Of(4), 6);
        Assert.Equal(0.002, costs.Of(1), 6);
        Assert.Equal(0.128, costs.Of(64), 6);

        Learn(costs, 8, milliseconds: 8);
        Assert.Equal(0.008, costs.Of(8), 6);
        Assert.Equal(0.008, costs.Of(6), 6);

        Learn(costs, 16, milliseconds: 24);
        Assert.Equal(0.016, costs.Of(12), 6);
    }

    [Fact]
    public void Of_NeverFallsWithMoreRows()
    {
        var costs = new CallCosts(rows => rows);
        Learn(costs, 2, milliseconds: 10);
        Learn(costs, 16, milliseconds: 3);
        Learn(costs, 32, milliseconds: 40);
        Assert.All(Enumerable.Range(1, CallCosts.MostRows - 1), rows => Assert.True(costs.Of(rows) <= costs.Of(rows + 1)));
    }

    [Fact]
    public void Learn_BelievesAShorterCallMoreThanALongerOne()
    {
        var costs = new CallCosts(rows => rows);
        Learn(costs, 1, milliseconds: 10);
        Learn(costs, 1, milliseconds: 1000); // another program was busy
        Assert.InRange(costs.Of(1), 0.010, 0.120);
        for (var call = 0; call < 10; call++)
            Learn(costs, 1, milliseconds: 10);
        Assert.InRange(costs.Of(1), 0.010, 0.011);
    }

    [Fact]
    public void Of_IsNotMisledByAColdFirstCall()
    {
        var costs = new CallCosts(rows => rows);
        Learn(costs, 1, milliseconds: 500);
        Learn(costs, 2, milliseconds: 10);
        Assert.Equal(0.010, costs.Of(1), 6);
        Assert.Equal(0.320, costs.Of(64), 6);
    }

    [Fact]
    public void Useful_ChangesWithWhatIsMeasured()
    {
        var costs = CallCosts.OfDevice();
        Assert.InRange(costs.Useful(64), 48, 64);
        Learn(costs, 64, milliseconds: 640);
        Learn(costs, 8, milliseconds: 40);
        Assert.InRange(costs.Useful(64), 2, 24);
        Assert.Equal(1, costs.Useful(1));
    }

    [Fact]
    public void Useful_FillsCallsThatAreSoonOver_EvenWhereMoreRowsCostAsMuchMore()
    {
        var costs = new CallCosts(rows => rows);
        Learn(costs, 1, milliseconds: 1);
        Assert.Equal(12, costs.Useful(64));
        Learn(costs, 1, milliseconds: 0.25);
        Assert.InRange(costs.Useful(64), 16, 20);
        var slow = new CallCosts(rows => rows);
        Learn(slow, 1, milliseconds: 40);
        Assert.Equal(1, slow.Useful(64));
    }

    private static void Learn(CallCosts costs, int rows, double milliseconds) => costs.Learn(rows, TimeSpan.FromMilliseconds(milliseconds));
}
