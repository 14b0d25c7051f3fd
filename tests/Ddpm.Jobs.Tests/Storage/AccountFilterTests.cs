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
        db.OnlyAccount = "alice";
        foreach (var sql in Queries(db))
            Assert.Matches("WHERE.*\"Account\" = @", sql.ReplaceLineEndings(" "));
    }

    [Fact]
    public async Task AContextFromAPool_IsNobodysWhoHadItBefore()
    {
        using var folder = new TemporaryFolder();
        await using var host = JobsHost.Create(new Dictionary<string, string?> { ["Data:Root"] = folder.Path });
        await using (var one = host.Open())
            one.OnlyAccount = "alice";
        await using var next = host.Open();
        Assert.Null(next.OnlyAccount);
    }

    private static string[] Queries(DdpmDbContext db) =>
    [
        db.Jobs.ToQueryString(), db.Datasets.ToQueryString(), db.TrainingRuns.ToQueryString(), db.TrainingMetrics.ToQueryString(), db.TrainingPreviews.ToQueryString(),
        db.Checkpoints.ToQueryString(), db.Models.ToQueryString(), db.SampleBatches.ToQueryString(), db.Evaluations.ToQueryString(),
    ];

    private static SqliteDdpmDbContext Open() => new(SqliteDdpmDbContext.Configure("Data Source=:memory:").Options);
}
