using Ddpm.Jobs.Life;
using Ddpm.Jobs.Workers;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Tests.Workers;

public abstract class OtherWorkersTests : JobsTests
{
    [Fact]
    public async Task HaveLessToDo_ComparesThoseThatLive_ByTheJobsOfTheKind()
    {
        var other = await AnotherHostAsync();
        var waiting = await Host.AddJobAsync();
        await AddWorkerAsync(Host.Get<WorkerIdentity>().Name);
        Assert.False(await HaveLessToDoAsync(), "alone");

        await AddWorkerAsync(other.Get<WorkerIdentity>().Name);
        using var beside = await ClaimAsync(Host, JobKind.Training);
        Assert.False(await HaveLessToDoAsync(), "a run beside does not count");

        using var first = await ClaimAsync(Host, JobKind.Sampling);
        Assert.True(await HaveLessToDoAsync(), "the other draws nothing");

        using var others = await ClaimAsync(other, JobKind.Sampling);
        Assert.False(await HaveLessToDoAsync(), "as much");

        using var second = await ClaimAsync(Host, JobKind.Sampling);
        Assert.True(await HaveLessToDoAsync(), "less again");
        var longAgo = DateTime.UtcNow - (2 * WorkerPresence.Limit);
        await using (var db = Host.Open())
            await db.Workers.ExecuteUpdateAsync(set => set.SetProperty(worker => worker.SeenAt, longAgo), Cancellation);
        Assert.False(await HaveLessToDoAsync(), "gone");

        Task<bool> HaveLessToDoAsync() => Host.Get<OtherWorkers>().HaveLessToDoAsync(waiting.Id, Cancellation);
    }

    private async Task AddWorkerAsync(string name)
    {
        await using var db = Host.Open();
        var now = Host.Clock.GetUtcNow().UtcDateTime;
        db.Add(new WorkerPresence { Name = name, Device = "cpu", Version = "0", StartedAt = now, SeenAt = now });
        await db.SaveChangesAsync(Cancellation);
    }

    private async Task<JobLease> ClaimAsync(JobsHost host, JobKind kind) => await host.ClaimAsync((await Host.AddJobAsync(kind)).Id);
}

public sealed class SqliteOtherWorkersTests : OtherWorkersTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));
}

[Trait("Category", "services")]
public sealed class PostgresOtherWorkersTests(PostgresFixture postgres) : OtherWorkersTests
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
