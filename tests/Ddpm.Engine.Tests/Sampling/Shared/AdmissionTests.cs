using Ddpm.Engine.Sampling.Shared;

namespace Ddpm.Engine.Tests.Sampling.Shared;

public sealed class AdmissionTests
{
    private static readonly CallCosts _linear = new(rows => rows);
    private static readonly CallCosts _flat = new(rows => 1 + (rows * 1e-6));

    [Fact]
    public void Share_GivesARequestAlone_TheFewestPicturesThatAreAsFast()
    {
        Assert.Equal([1], Share([Large()], _linear));
        Assert.Equal([16], Share([Large()], _flat));
        Assert.Equal([4], Share([Large()], new CallCosts(rows => Math.Ceiling(rows / 4.0))));
    }

    [Fact]
    public void Share_LetsTheOneWithTheLeastWorkLead_AndFillsTheCallUp_WhereThatCostsLittle() =>
        Assert.Equal([16, 1, 16], Share([Large(), Small(), Large()], _flat));

    [Fact]
    public void Share_TakesNoMoreAlong_ThanMakesTheCallThreeFifthsLonger_WhereEachPictureCosts()
    {
        // The leader's four cost 3.1, six 4.5, seven 5.2.
        var costs = new CallCosts(rows => 0.3 + (0.7 * rows));
        Assert.Equal([4, 2], Share([Large() with { Pictures = 4, Work = 80, WorkLeft = 40, LastCall = 1 }, Large()], costs));
    }

    [Fact]
    public void Share_TakesAtLeastOneAlong_InEveryOtherCall_TheOneServedLongestAgo()
    {
        Assert.Equal([0, 1, 1], Share([Large() with { LastCall = 7 }, Small() with { LastCall = 8 }, Large() with { LastCall = 3 }], _linear));
        Assert.Equal([0, 1, 0], Share([Large() with { LastCall = 7 }, Small() with { LastCall = 8 }, Large() with { LastCall = 8 }], _linear));
        Assert.Equal([1, 1, 0], Share([Large() with { LastCall = 2 }, Small() with { LastCall = 8 }, Large() with { LastCall = 3 }], _linear));
    }

    [Fact]
    public void Share_CountsAGuidedPictureTwice_AndKeepsToTheMemory()
    {
        Assert.Equal([4], Share([Large() with { Rows = 2 }], _flat, mostRows: 8));
        Assert.Equal([3, 2], Share([Large() with { Rows = 2, LastCall = 1 }, Small() with { Pictures = 2 }], _flat, mostRows: 8));
        Assert.Equal([1], Share([Large() with { Rows = 2 }], _flat, mostRows: 1));
        Assert.Equal([0, 1], Share([Small() with { LastCall = 4 }, Large() with { LastCall = 3 }], _flat, mostRows: 1));
        Assert.Equal([1, 0], Share([Small() with { LastCall = 4 }, Large() with { LastCall = 4 }], _flat, mostRows: 1));
    }

    // As the plan promises it: at most twice as long as alone, and one call of the large job, which it may come in the middle of.
    [Theory, InlineData(0.0), InlineData(0.5), InlineData(0.95)]
    public void ASmallRequest_IsNotHeldUpByALargeOne(double fixedShare)
    {
        var costs = new CallCosts(rows => fixedShare + ((1 - fixedShare) * rows));
        var run = new Simulation(costs);
        var large = run.Add(pictures: 16, steps: 1000);
        run.Call();
        var ofTheLarge = run.Time;

        var small = run.Add(pictures: 1, steps: 20);
        run.Until(small);

        Assert.InRange(run.Time - ofTheLarge, 0, (2 * 20 * costs.Of(1)) + ofTheLarge);
        Assert.True(run.WorkLeft(large) > 0);
    }

    [Fact]
    public void ALargeRequest_IsNotStarved_BySmallOnesThatNeverEnd()
    {
        var run = new Simulation(_linear);
        var large = run.Add(pictures: 16, steps: 100);
        for (var call = 0; call < 400; call++)
        {
            if (call % 10 == 0)
                run.Add(pictures: 1, steps: 10);
            run.Call();
        }

        Assert.InRange(run.WorkLeft(large), 0, 1600 - 150); // it takes part in every other call
    }

    [Fact]
    public void EqualRequests_GoThroughInLargeCalls_AndEndOneAfterAnother()
    {
        var costs = new CallCosts(rows => 0.5 + (0.5 * rows));
        var run = new Simulation(costs);
        var requests = Enumerable.Range(0, 32).Select(_ => run.Add(pictures: 1, steps: 20)).ToList();

        var ends = requests.Select(request => run.Until(request)).ToList();

        Assert.True(ends.Average() < 0.85 * ends.Max());
        var useful = costs.Useful(CallCosts.MostRows);
        Assert.InRange(ends.Max(), 0, 1.1 * 32 * 20 * costs.Of(useful) / useful);
    }

    private static Standing Large() => new(Work: 16_000, WorkLeft: 16_000, Pictures: 16, Rows: 1, LastCall: 0);

    private static Standing Small() => new(Work: 20, WorkLeft: 20, Pictures: 1, Rows: 1, LastCall: 0);

    private static int[] Share(Standing[] requests, CallCosts costs, int mostRows = CallCosts.MostRows) => Admission.Share(requests, costs, mostRows);

    /// <summary>A denoising loop without a network: its clock goes by what calls cost.</summary>
    private sealed class Simulation(CallCosts costs)
    {
        private readonly List<int[]> _stepsLeft = [];
        private readonly List<long> _lastCall = [];
        private readonly List<long> _work = [];
        private int _calls;

        public double Time { get; private set; }

        public int Add(int pictures, int steps)
        {
            _stepsLeft.Add([.. Enumerable.Repeat(steps, pictures)]);
            _lastCall.Add(0);
            _work.Add(pictures * steps);
            return _stepsLeft.Count - 1;
        }

        public long WorkLeft(int request) => _stepsLeft[request].Sum();

        public double Until(int request)
        {
            while (WorkLeft(request) > 0)
                Call();
            return Time;
        }

        public void Call()
        {
            var active = Enumerable.Range(0, _stepsLeft.Count).Where(request => WorkLeft(request) > 0).ToArray();
            var share = Admission.Share(
                [.. active.Select(request => new Standing(_work[request], WorkLeft(request), _stepsLeft[request].Count(left => left > 0), 1, _lastCall[request]))], costs, CallCosts.MostRows);
            _calls++;
            Time += costs.Of(share.Sum());
            foreach (var (request, count) in active.Zip(share).Where(pair => pair.Second > 0))
            {
                _lastCall[request] = _calls;
                foreach (var picture in Enumerable.Range(0, _stepsLeft[request].Length).Where(picture => _stepsLeft[request][picture] > 0).Take(count))
                    _stepsLeft[request][picture]--;
            }
        }
    }
}
