using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Ddpm.Jobs.Tests.Storage;

public sealed class MigrationTests
{
    [Fact]
    public void Migrations_MatchTheModel_OfSqlite()
    {
        using var db = new SqliteDdpmDbContext(SqliteDdpmDbContext.Configure("Data Source=:memory:").Options);
        Assert.False(db.Database.HasPendingModelChanges());
    }

    [Fact]
    public void Migrations_MatchTheModel_OfPostgres()
    {
        using var db = new PostgresDdpmDbContext(PostgresDdpmDbContext.Configure("Host=nowhere").Options);
        Assert.False(db.Database.HasPendingModelChanges());
    }
}

public abstract class DatabaseTests
{
    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task StartAsync_Succeeds_WhenProcessesRaceForAnEmptyDatabase()
    {
        using var folder = new TemporaryFolder();
        var settings = await EmptyAsync(folder);
        var hosts = Enumerable.Range(0, 6).Select(_ => JobsHost.Create(settings)).ToList();

        await Task.WhenAll(hosts.Select(host => Task.Run(host.MigrateAsync)));

        await using var db = hosts[0].Open();
        Assert.Empty(await db.Database.GetPendingMigrationsAsync(Cancellation));
        Assert.Empty(await db.Jobs.ToListAsync(Cancellation));
        foreach (var host in hosts)
            await host.DisposeAsync();
    }

    // Where it is not, the first queries of a process build it, and fail if there are two at once.
    [Fact]
    public async Task StartAsync_LeavesTheModelReady_ForQueriesFromManyThreads()
    {
        using var folder = new TemporaryFolder();
        await using var host = await JobsHost.StartAsync(await EmptyAsync(folder));
        await using var db = host.Open();
        Assert.NotNull(db.Model.FindRuntimeAnnotation(RelationalAnnotationNames.RelationalModel));
    }

    [Fact]
    public async Task Rows_ComeBackAsTheyWere_WithTimesInUtc()
    {
        using var folder = new TemporaryFolder();
        await using var host = await JobsHost.StartAsync(await EmptyAsync(folder));
        var at = new DateTime(2024, 2, 29, 23, 59, 59, 123, DateTimeKind.Utc);
        var job = new Job { Id = Guid.CreateVersion7(), Kind = JobKind.Dataset, CreatedAt = at };
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = job.Id,
            Name = "Gesichter “ß”",
            Spec = new DatasetSpec { Source = new DatasetSource { Kind = DatasetSourceKind.Directory, Path = "/a b" }, Limit = 7 },
            Skipped = [new SkippedFile("a/ü.png", "not a picture")],
            Classes = [new DatasetClass("red", 3)],
        };
        await using (var db = host.Open())
        {
            db.AddRange(job, dataset);
            await db.SaveChangesAsync(Cancellation);
        }

        await using var other = host.Open();
        var read = await other.Datasets.Include(d => d.Job).SingleAsync(Cancellation);

        Assert.Equivalent(dataset.Spec, read.Spec);
        Assert.Equal(dataset.Skipped, read.Skipped);
        Assert.Equal(dataset.Classes, read.Classes);
        Assert.Equal((at, DateTimeKind.Utc), (read.Job!.CreatedAt, read.Job.CreatedAt.Kind));
    }

    [Fact]
    public async Task Evaluations_ComeBackWithTheirNumbers_AndWithoutWhereThereAreNone()
    {
        using var folder = new TemporaryFolder();
        await using var host = await JobsHost.StartAsync(await EmptyAsync(folder));
        var results = new EvaluationResults
        {
            BitsPerDimension = new(new(3.1, 0.2), new(1e-5, null), new(1, 0.1), new(2.1, 0.1), [new(0, 0, new(2.1, 0.1), new(0.6, 0.01)), new(1, 9, new(1, 0.1), new(0.5, 0.01))], 4),
            Memorisation = new(41.5, null, [new(3, [new(17, 0, true)])], 4, 32),
        };
        var (measured, waiting) = (NewEvaluation(results), NewEvaluation(null));
        await using (var db = host.Open())
        {
            db.AddRange(measured, waiting);
            await db.SaveChangesAsync(Cancellation);
        }

        await using var other = host.Open();
        await other.Evaluations.Where(row => row.Id == waiting.Id).ExecuteUpdateAsync(row => row.SetProperty(e => e.Device, "cpu"), Cancellation);
        var read = await other.Evaluations.AsNoTracking().ToDictionaryAsync(row => row.Id, Cancellation);
        Assert.Equivalent(results, read[measured.Id].Results, strict: true);
        Assert.Null(read[waiting.Id].Results);
        await other.Evaluations.Where(row => row.Id == waiting.Id).ExecuteUpdateAsync(row => row.SetProperty(e => e.Results, results), Cancellation);
        Assert.Equivalent(results, (await other.Evaluations.AsNoTracking().SingleAsync(row => row.Id == waiting.Id, Cancellation)).Results, strict: true);

        static Evaluation NewEvaluation(EvaluationResults? results)
        {
            var job = new Job { Id = Guid.CreateVersion7(), Kind = JobKind.Evaluation, CreatedAt = DateTime.UtcNow };
            return new() { Id = Guid.CreateVersion7(), JobId = job.Id, Job = job, CheckpointId = Guid.CreateVersion7(), DatasetId = Guid.CreateVersion7(), Spec = new() { Metrics = [MetricNames.Fid] }, Results = results };
        }
    }

    [Fact]
    public async Task Rows_SortByAge_WhenSortedById()
    {
        using var folder = new TemporaryFolder();
        await using var host = await JobsHost.StartAsync(await EmptyAsync(folder));
        var start = DateTimeOffset.UtcNow;
        var ids = Enumerable.Range(0, 20).Select(i => Guid.CreateVersion7(start.AddMilliseconds(i))).ToList();
        await using (var db = host.Open())
        {
            db.AddRange(ids.AsEnumerable().Reverse().Select(id => new Job { Id = id, Kind = JobKind.Sampling, CreatedAt = start.UtcDateTime }));
            await db.SaveChangesAsync(Cancellation);
        }

        await using var other = host.Open();
        Assert.Equal(ids, await other.Jobs.OrderBy(j => j.Id).Select(j => j.Id).ToListAsync(Cancellation));
        Assert.Equal(ids[..5], await other.Jobs.Where(j => j.Id < ids[5]).OrderBy(j => j.Id).Select(j => j.Id).ToListAsync(Cancellation));
    }

    private protected abstract Task<Dictionary<string, string?>> EmptyAsync(TemporaryFolder folder);
}

public sealed class SqliteDatabaseTests : DatabaseTests
{
    private protected override Task<Dictionary<string, string?>> EmptyAsync(TemporaryFolder folder) => Task.FromResult(JobsHost.Sqlite(folder));
}

[Trait("Category", "services")]
public sealed class PostgresDatabaseTests(PostgresFixture postgres) : DatabaseTests
{
    // The database itself is not there either.
    private protected override async Task<Dictionary<string, string?>> EmptyAsync(TemporaryFolder folder) =>
        JobsHost.Postgres(folder, await postgres.NameDatabaseAsync());
}
