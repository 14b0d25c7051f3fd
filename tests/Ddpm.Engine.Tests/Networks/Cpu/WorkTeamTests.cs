using Ddpm.Engine.Networks.Cpu;

namespace Ddpm.Engine.Tests.Networks.Cpu;

public sealed class WorkTeamTests
{
    [Theory, InlineData(1), InlineData(2), InlineData(5)]
    public void Run_DoesEveryPieceOnce_BeforeItReturns(int threads)
    {
        using var team = new WorkTeam(threads);
        for (var round = 0; round < 2000; round++)
        {
            var done = new int[1 + (round % 17)];
            team.Run(done.Length, (piece, _) => done[piece]++);
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Theory, InlineData(0), InlineData(1)]
    public void Run_ThrowsWhatAPieceHasThrown_WhenAllOthersAreDone(int thrower)
    {
        using var team = new WorkTeam(2);
        using var both = new Barrier(2);
        var done = 0;
        var fault = Assert.Throws<InvalidOperationException>(() => team.Run(2, (_, member) =>
        {
            Assert.True(both.SignalAndWait(TimeSpan.FromMinutes(1))); // a piece each
            if (member == thrower)
                throw new InvalidOperationException("no memory");
            Thread.Sleep(20);
            done++;
        }));
        Assert.Equal(("no memory", 1), (fault.Message, done));
        team.Run(2, (_, _) => Interlocked.Increment(ref done));
        Assert.Equal(3, done);
    }

    [Fact]
    public void Run_WakesHelpersThatSleep()
    {
        using var team = new WorkTeam(2);
        for (var round = 0; round < 5; round++)
        {
            Assert.True(SpinWait.SpinUntil(() => team.Asleep == 1, TimeSpan.FromMinutes(1)));
            var members = new HashSet<int>();
            using var both = new Barrier(2);
            team.Run(2, (_, member) =>
            {
                Assert.True(both.SignalAndWait(TimeSpan.FromMinutes(1))); // passes only if two threads do a piece each
                lock (members)
                    members.Add(member);
            });
            Assert.Equal([0, 1], members.Order());
        }
    }
}
