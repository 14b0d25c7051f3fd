using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Tests.Training;

public sealed class AccountTests : TrainingTests
{
    [Fact]
    public async Task ARunsCheckpoints_BelongToItsAccount()
    {
        var run = await AddRunAsync();
        await using (var db = Host.Open())
            await db.Jobs.Where(job => job.Id == run.JobId).ExecuteUpdateAsync(job => job.SetProperty(j => j.Account, "alice"), Cancellation);

        AssertSucceeded(await Host.RunAsync(run.JobId));

        Assert.NotEmpty(await CheckpointsAsync(run));
        Assert.All(await CheckpointsAsync(run), checkpoint => Assert.Equal("alice", checkpoint.Account));
    }
}
