using Ddpm.Jobs.Life;
using Ddpm.TestSupport;

namespace Ddpm.Jobs.Tests.Life;

public abstract class JobTurnsTests : JobsTests
{
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public async Task JobsAlike_GoInTheOrderInWhichTheyAreDelivered()
    {
        var first = await AddAsync("alice", second: 0, operations: 1e9);
        var second = await AddAsync("alice", second: 0.5, operations: 1e9);

        Assert.Equal(first, await NextAsync(first));
        Assert.Equal(second, await NextAsync(second));
    }

    [Fact]
    public async Task TheAccountOfWhichFewerRun_GoesFirst_HoweverManyAnotherHasAskedForBefore()
    {
        await AddAsync("alice", second: 0, status: JobStatus.Running);
        var hers = await AddAsync("alice", second: 1);
        var his = await AddAsync("bob", second: 60);

        Assert.Equal(his, await NextAsync(hers));
        Assert.Equal(his, await NextAsync(his));
    }

    [Fact]
    public async Task AnAccountThatComesBehindHundredsOfAnothers_HasItsTurn()
    {
        await AddAsync("alice", second: 0, status: JobStatus.Running);
        List<Guid> hers = [];
        for (var n = 0; n < 300; n++)
            hers.Add(await AddAsync("alice", second: n));
        var his = await AddAsync("bob", second: 1000);

        Assert.Equal(his, await NextAsync(hers[0]));
        Assert.Equal(his, await NextAsync(hers[^1]));
        using var lease = await Host.ClaimAsync(his);
        Assert.Equal(hers[0], await NextAsync(hers[0]));
    }

    [Fact]
    public async Task ARunOfWhichNobodyKnowsHowFarItGets_LetsPassThoseThatAreKnown()
    {
        await AddAsync("alice", second: 0, operations: 1e9, status: JobStatus.Succeeded, kind: JobKind.Training); // in a second
        var timed = await AddAsync("alice", second: 0, operations: null, kind: JobKind.Training);
        var known = await AddAsync("alice", second: 60, operations: 1e9, kind: JobKind.Training);

        Assert.Equal(known, await NextAsync(timed));
    }

    [Fact]
    public async Task ALargeJob_LetsPassThoseThatComeWhileItWouldRun_AndNoOthers()
    {
        await AddAsync("alice", second: 0, operations: 1e9, status: JobStatus.Succeeded); // in a second
        var large = await AddAsync("alice", second: 0, operations: 100e9);
        var soon = await AddAsync("alice", second: 50, operations: 1e9);
        Assert.Equal(soon, await NextAsync(large));

        var claimed = await Host.ClaimAsync(soon);
        claimed.Succeed(_ => { });
        claimed.Dispose();
        await AddAsync("alice", second: 120, operations: 1e9);
        Assert.Equal(large, await NextAsync(large));
    }

    [Fact]
    public async Task ALargeJob_LetsSmallOnesPass_BeforeAnyHasEnded()
    {
        var large = await AddAsync("alice", second: 0, operations: 100e12);
        var small = await AddAsync("alice", second: 60, operations: 1e12);

        Assert.Equal(small, await NextAsync(large));
    }

    [Fact]
    public async Task ADelivery_IsForItsKind_AndForWhatWaits()
    {
        var sampling = await AddAsync("alice", second: 10);
        await AddAsync("bob", second: 0, kind: JobKind.Training);
        await AddAsync("bob", second: 0, status: JobStatus.Cancelled);
        var ended = await AddAsync("alice", second: 0, status: JobStatus.Failed);

        Assert.Equal(sampling, await NextAsync(sampling));
        Assert.Equal(ended, await NextAsync(ended));
        Assert.Equal(Guid.Empty, await NextAsync(Guid.Empty));
    }

    [Theory]
    [InlineData("alice", 100e9, true)]
    [InlineData("alice", 101e9, false)]
    [InlineData("alice", null, false)]
    [InlineData("bob", 5000e9, true)] // the first of his
    public async Task ASmallJob_AndTheFirstOfAnAccount_GoAheadOfLargeOnesThatRun(string account, double? operations, bool goesAhead)
    {
        await AddAsync("alice", second: 0, operations: 500e9, status: JobStatus.Running);
        await AddAsync("alice", second: 1, operations: 1500e9, status: JobStatus.Running);
        await AddAsync("alice", second: 2, operations: 1, status: JobStatus.Running, kind: JobKind.Training);
        var waiting = await AddAsync(account, second: 3, operations);

        Assert.Equal(goesAhead ? waiting : null, await Host.Get<JobTurns>().GoesAheadAsync(waiting, Cancellation));
        Assert.Null(await Host.Get<JobTurns>().GoesAheadAsync(Guid.Empty, Cancellation));
    }

    private Task<Guid> NextAsync(Guid delivered) => Host.Get<JobTurns>().NextAsync(delivered, Cancellation);

    private async Task<Guid> AddAsync(string account, double second, double? operations = null, JobStatus status = JobStatus.Queued, JobKind kind = JobKind.Sampling)
    {
        var at = Start.AddSeconds(second);
        var job = new Job
        {
            Id = Guid.CreateVersion7(),
            Kind = kind,
            Account = account,
            Status = status,
            Operations = operations,
            CreatedAt = at,
            StartedAt = status == JobStatus.Queued ? null : at,
            EndedAt = status is JobStatus.Queued or JobStatus.Running ? null : at.AddSeconds(1),
        };
        await using var db = Host.Open();
        db.Add(job);
        await db.SaveChangesAsync(Cancellation);
        return job.Id;
    }
}

public sealed class SqliteJobTurnsTests : JobTurnsTests
{
    private protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(JobsHost.Sqlite(Folder));
}

[Trait("Category", "services")]
public sealed class PostgresJobTurnsTests(PostgresFixture postgres) : JobTurnsTests
{
    private protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        JobsHost.Postgres(Folder, await postgres.CreateDatabaseAsync());
}
