using Ddpm.Jobs.Life;

namespace Ddpm.Jobs.Tests.Life;

public sealed class QueuesTests
{
    [Fact]
    public void All_AreThoseThatJobsWaitIn() => Assert.Equal(Enum.GetValues<JobKind>().Select(Queues.Of).Distinct().Order(), Queues.All.Order());
}
