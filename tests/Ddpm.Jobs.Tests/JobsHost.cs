using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.TestSupport;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Ddpm.Jobs.Tests;

/// <summary>The services of one process, without its background work. Several may share a database.</summary>
internal sealed class JobsHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private JobsHost(ServiceProvider services, ShiftedClock clock) => (_services, Clock) = (services, clock);

    public ShiftedClock Clock { get; }
    public JobClaims Claims => Get<JobClaims>();
    public JobControl Control => Get<JobControl>();
    public JobDispatcher Dispatcher => Get<JobDispatcher>();
    public JobReconciler Reconciler => Get<JobReconciler>();

    public static async Task<JobsHost> StartAsync(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var host = Create(settings);
        await host.MigrateAsync();
        return host;
    }

    public static JobsHost Create(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        var clock = new ShiftedClock();
        var services = new ServiceCollection().AddLogging().AddSingleton<TimeProvider>(clock).AddDdpmStorage(configuration);
        return new JobsHost(services.BuildServiceProvider(), clock);
    }

    public static Dictionary<string, string?> Sqlite(TemporaryFolder folder) => new()
    {
        ["Data:Root"] = folder.Path,
        ["Worker:CancelPoll"] = "00:00:00.020",
        ["Worker:LeaseRenewal"] = "00:00:00.100",
    };

    public static Dictionary<string, string?> Postgres(TemporaryFolder folder, string connectionString) => new(Sqlite(folder))
    {
        ["Database:Provider"] = "Postgres",
        ["Database:ConnectionString"] = connectionString,
    };

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public Task MigrateAsync() =>
        _services.GetServices<IHostedService>().OfType<DatabaseInitializer>().Single().StartAsync(TestContext.Current.CancellationToken);

    public DdpmDbContext Open() => Get<IDbContextFactory<DdpmDbContext>>().CreateDbContext();

    public async Task<Job> AddJobAsync(JobKind kind = JobKind.Sampling, JobStatus status = JobStatus.Queued)
    {
        var now = Clock.GetUtcNow().UtcDateTime;
        var job = new Job
        {
            Id = Guid.CreateVersion7(),
            Kind = kind,
            Status = status,
            CreatedAt = now,
            StartedAt = status is JobStatus.Queued ? null : now,
            EndedAt = status is JobStatus.Queued or JobStatus.Running ? null : now,
        };
        await using var db = Open();
        db.Add(job);
        await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        return job;
    }

    public async Task<TrainingRun> AddTrainingRunAsync()
    {
        var build = await AddJobAsync(JobKind.Dataset, JobStatus.Succeeded);
        var training = await AddJobAsync(JobKind.Training);
        var dataset = new Dataset
        {
            Id = Guid.CreateVersion7(),
            JobId = build.Id,
            Name = "faces",
            Spec = new DatasetSpec { Source = new DatasetSource { Kind = DatasetSourceKind.Builtin, Name = "faces" } },
        };
        var run = new TrainingRun { Id = Guid.CreateVersion7(), JobId = training.Id, DatasetId = dataset.Id, Name = "run", Spec = new TrainingSpec() };
        await using var db = Open();
        db.AddRange(dataset, run);
        await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        return run;
    }

    public async Task<Job> ReadAsync(Guid jobId)
    {
        await using var db = Open();
        return await db.Jobs.AsNoTracking().SingleAsync(j => j.Id == jobId, TestContext.Current.CancellationToken);
    }

    public Task<JobLease> ClaimAsync(Guid jobId) => ClaimUntilAsync(jobId, CancellationToken.None);

    public async Task<JobLease> ClaimUntilAsync(Guid jobId, CancellationToken shutdown)
    {
        var lease = await Claims.TryClaimAsync(jobId, shutdown);
        Assert.NotNull(lease);
        return lease;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
