using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

/// <summary>What becomes of requests that change several rows together, where the database says no in the middle.</summary>
[Trait("Category", "services")]
public sealed class TransactionTests(PostgresFixture postgres)
{
    private static readonly (string Name, string Value) Key = ("Idempotency-Key", "once");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("INSERT ON \"IdempotencyRecords\"")]
    [InlineData("UPDATE ON \"TrainingRuns\"")]
    public async Task Resume_AsksToTryAgain_WhenTheConnectionBreaksInTheMiddle(string moment)
    {
        await using var host = new ApiHost { Postgres = await postgres.CreateDatabaseAsync() };
        var id = await host.RunAsync(JobStatus.Cancelled, step: 40);
        await ExecuteAsync(host, $"""
            CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END';
            CREATE TRIGGER break AFTER {moment} EXECUTE FUNCTION break();
            """);
        var before = await StateAsync(host, id);

        using (var broken = await host.PostAsync($"/training-runs/{id}/resume", null, Key))
        {
            await ApiHost.ProblemAsync(broken, 503);
            Assert.NotNull(broken.Headers.RetryAfter);
        }

        Assert.Equal(before, await StateAsync(host, id));
        await ExecuteAsync(host, "DROP FUNCTION break CASCADE");
        using var again = await host.PostAsync($"/training-runs/{id}/resume", null, Key);
        Assert.Equal("queued", (string?)(await ApiHost.JsonAsync(again, 202))["status"]);
    }

    [Fact]
    public async Task Resume_ShowsTheRun_WhenTheSameRequestIsAMomentFaster()
    {
        await using var host = new ApiHost { Postgres = await postgres.CreateDatabaseAsync() };
        var (other, id) = (await host.RunAsync(JobStatus.Cancelled, step: 40), await host.RunAsync(JobStatus.Cancelled, step: 40));
        using var example = await host.PostAsync($"/training-runs/{other}/resume", null, Key);
        await ApiHost.JsonAsync(example, 202);
        var before = await StateAsync(host, id);

        await using var faster = host.Database();
        await using var transaction = await faster.Database.BeginTransactionAsync(Cancel);
        var record = await faster.IdempotencyRecords.AsNoTracking().SingleAsync(Cancel);
        string Changed(string path) => path.Replace($"{other}", $"{id}", StringComparison.Ordinal);
        faster.Add(new IdempotencyRecord { Scope = Changed(record.Scope), Key = record.Key, BodySha256 = record.BodySha256, Location = Changed(record.Location), CreatedAt = record.CreatedAt });
        await faster.SaveChangesAsync(Cancel);
        var slower = host.PostAsync($"/training-runs/{id}/resume", null, Key);
        await Eventually.BecomesTrueAsync("the slower request waits for the faster", async () =>
            await faster.Database.SqlQueryRaw<long>("""SELECT count(*) AS "Value" FROM pg_locks WHERE NOT granted""").SingleAsync(Cancel) > 0);
        await transaction.CommitAsync(Cancel);

        using var response = await slower;
        Assert.Equal("cancelled", (string?)(await ApiHost.JsonAsync(response, 202))["status"]);
        Assert.Equal(before with { Keys = before.Keys + 1 }, await StateAsync(host, id));
    }

    private static async Task ExecuteAsync(ApiHost host, string sql)
    {
        await using var db = host.Database();
        await db.Database.ExecuteSqlRawAsync(sql, Cancel);
    }

    private static async Task<State> StateAsync(ApiHost host, Guid run)
    {
        await using var db = host.Database();
        return new State(await db.Jobs.CountAsync(Cancel), await db.IdempotencyRecords.CountAsync(Cancel), (await db.TrainingRuns.SingleAsync(row => row.Id == run, Cancel)).JobId);
    }

    private sealed record State(int Jobs, int Keys, Guid JobOfTheRun);
}
