using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests.Life;

/// <summary>How full queues are taken to be.</summary>
public abstract class QueueLoadsTests : JobsTests
{
    private QueueLoads Loads => Host.Get<QueueLoads>();

    [Fact]
    public async Task ReadAsync_CountsAllKindsOfAQueue_ThatWait()
    {
        await Host.AddJobAsync(JobKind.Training);
        await Host.AddJobAsync(JobKind.Dataset);
        await Host.AddJobAsync(JobKind.ModelImport);
        await Host.AddJobAsync(JobKind.Dataset, JobStatus.Running);

        Assert.Equal(new QueueLoad(2, 2), await ReadAsync(Account.Local));
        Assert.Equal(new QueueLoad(2, 0), await ReadAsync("another"));
    }

    [Fact]
    public async Task ReadAsync_IsCountedOnASecond_AndThenAnew()
    {
        Host.Clock.IsStopped = true;
        Assert.Equal(0, (await ReadAsync(Account.Local)).Waiting);
        await Host.AddJobAsync(JobKind.Dataset); // by another process
        await Host.AddJobAsync(JobKind.Dataset);
        Loads.Add(JobKind.Dataset, "another"); // by this one

        Assert.Equal(new QueueLoad(1, 0), await ReadAsync(Account.Local));
        Host.Clock.Passed = TimeSpan.FromSeconds(2);
        Assert.Equal(new QueueLoad(2, 2), await ReadAsync(Account.Local));
    }

    [Fact]
    public async Task ReadAsync_IsExact_WhereThatMatters()
    {
        await ReadAsync(Account.Local);
        await Host.AddJobAsync(JobKind.Dataset);
        Host.Clock.Passed = TimeSpan.FromMilliseconds(1);

        Assert.Equal(new QueueLoad(1, 1), await Loads.ReadAsync(JobKind.Dataset, Account.Local, exactly: true, Cancellation));
    }

    [Fact]
    public async Task PaceAsync_IsTheTimeBetweenThoseThatEndedLast_OfWhateverKindInTheQueue()
    {
        await Host.AddJobAsync(JobKind.Dataset, JobStatus.Succeeded);
        Assert.Null(await Loads.PaceAsync(JobKind.Dataset, Cancellation));
        Host.Clock.Shift = TimeSpan.FromSeconds(10);
        await Host.AddJobAsync(JobKind.ModelImport, JobStatus.Failed);
        await Host.AddJobAsync(JobKind.Training, JobStatus.Succeeded);

        Assert.InRange(await Loads.PaceAsync(JobKind.Dataset, Cancellation) ?? default, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
    }

    // A queue of thousands is not counted for everyone who joins it.
    [Fact]
    public async Task Position_OfOneThatHasJustCome_IsBehindAll()
    {
        var first = await Host.AddJobAsync(JobKind.Sampling);
        for (var n = 0; n < 205; n++)
            await Host.AddJobAsync(JobKind.Sampling);
        Host.Clock.IsStopped = true;
        Assert.Equal(206, (await Loads.ReadAsync(JobKind.Sampling, Account.Local, exactly: false, Cancellation)).Waiting);
        await Host.AddJobAsync(JobKind.Sampling); // by another process, which is not known yet
        Host.Clock.Shift = TimeSpan.FromMinutes(1);
        var last = await Host.AddJobAsync(JobKind.Sampling);

        Assert.Equal(205, await Host.Control.PositionAsync(last, Cancellation));
        Assert.Equal(0, await Host.Control.PositionAsync(first, Cancellation));
    }

    private Task<QueueLoad> ReadAsync(string account) => Loads.ReadAsync(JobKind.Dataset, account, exactly: false, Cancellation);
}

public sealed class SqliteQueueLoadsTests : QueueLoadsTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));
}

[Trait("Category", "services")]
public sealed class PostgresQueueLoadsTests(PostgresFixture postgres) : QueueLoadsTests
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
