using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Tests.Storage;

/// <summary>Whose rows a context shows.</summary>
public sealed class AccountFilterTests
{
    [Fact]
    public void EveryTableOfThingsThatBelongToSomebody_IsFiltered()
    {
        using var db = Open();
        string[] nobodys = ["ApiKey", "IdempotencyRecord", "WorkerPresence"];
        Assert.Equal(nobodys, db.Model.GetEntityTypes().Where(type => type.GetDeclaredQueryFilters().Count == 0).Select(type => type.ClrType.Name).Order());
    }

    [Fact]
    public void ACallersQueries_AskWhoseTheRowsAre()
    {
        using var db = Open();
        foreach (var sql in Queries(db))
            Assert.Matches("WHERE.*\"Account\" = @", sql.ReplaceLineEndings(" "));
    }

    [Fact]
    public void AWorkersQueries_AreAsIfThereWereNoAccounts()
    {
        using var db = new SqliteDdpmDbContext(SqliteDdpmDbContext.Configure("Data Source=:memory:").Options);
        foreach (var sql in Queries(db))
            Assert.DoesNotContain("WHERE", sql, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AContextFromAPool_IsNobodysWhoHadItBefore()
    {
        using var folder = new TemporaryFolder();
        await using var host = JobsHost.Create(new Dictionary<string, string?> { ["Data:Root"] = folder.Path });
        var factory = host.Get<DdpmDbContextFactory>();
        foreach (var account in new[] { "alice", null, "bob" })
        {
            await using var db = factory.CreateDbContext(account);
            Assert.Equal(account, db.OnlyAccount);
        }
    }

    private static string[] Queries(DdpmDbContext db) =>
    [
        db.Jobs.ToQueryString(), db.Datasets.ToQueryString(), db.TrainingRuns.ToQueryString(), db.TrainingMetrics.ToQueryString(), db.TrainingPreviews.ToQueryString(),
        db.Checkpoints.ToQueryString(), db.Models.ToQueryString(), db.SampleBatches.ToQueryString(), db.Evaluations.ToQueryString(),
    ];

    private static SqliteAccountDbContext Open() => new(SqliteDdpmDbContext.Configure<SqliteAccountDbContext>("Data Source=:memory:").Options) { OnlyAccount = "alice" };
}
