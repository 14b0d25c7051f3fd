using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Ddpm.TestSupport;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ddpm.Worker.Tests;

/// <summary>A worker process over a real SQLite file, without Hangfire's servers: tests deliver the jobs. Several may share a folder.</summary>
internal sealed class WorkerHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);

    private WorkerHost(TemporaryFolder folder, IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Data:Root"] = folder.At("data"),
            ["Datasets:AllowedRoots:0"] = folder.At("allowed"),
            ["Worker:Device"] = "cpu",
            ["Worker:Threads"] = "1", // threads that wait for each other make tiny networks very slow on a busy machine
            ["Worker:CancelPoll"] = "00:00:00.020",
            ["Worker:LeaseRenewal"] = "00:00:00.100",
            ["Worker:ProgressInterval"] = "00:00:00.010",
        }).AddInMemoryCollection(settings).Build();
        _services = new ServiceCollection().AddLogging().AddSingleton<IConfiguration>(configuration).AddSingleton<TimeProvider>(Clock)
            .AddSingleton<IHostApplicationLifetime>(_lifetime).AddDdpmWorker(configuration).BuildServiceProvider();
    }

    public ShiftedClock Clock { get; } = new();

    public ArtifactStore Artifacts => Get<ArtifactStore>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task<WorkerHost> StartAsync(TemporaryFolder folder, params IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var host = new WorkerHost(folder, settings);
        await host._services.GetServices<IHostedService>().OfType<DatabaseInitializer>().Single().StartAsync(Cancellation);
        return host;
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public DdpmDbContext Open() => Get<IDbContextFactory<DdpmDbContext>>().CreateDbContext();

    /// <summary>What SIGTERM does.</summary>
    public void ShutDown() => _lifetime.StopApplication();

    public async Task<Job> AddJobAsync(JobKind kind)
    {
        var job = new Job { Id = Guid.CreateVersion7(), Kind = kind, CreatedAt = DateTime.UtcNow };
        await using var db = Open();
        db.Add(job);
        await db.SaveChangesAsync(Cancellation);
        return job;
    }

    public async Task AddAsync(object row)
    {
        await using var db = Open();
        db.Add(row);
        await db.SaveChangesAsync(Cancellation);
    }

    /// <summary>Delivers a job and waits until the worker has done with it.</summary>
    public async Task<Job> RunAsync(Guid jobId)
    {
        await StartAsync(jobId);
        return await JobAsync(jobId);
    }

    /// <summary>Delivers a job. The task ends with its work.</summary>
    public Task StartAsync(Guid jobId) => Task.Run(async () =>
    {
        await DeliverAsync(jobId);
        await Get<JobStarter>().WhenEndedAsync(jobId);
    });

    /// <summary>Delivers a job. The task ends when Hangfire would take it for done.</summary>
    public async Task DeliverAsync(Guid jobId) => await ((await JobAsync(jobId)).Kind switch
    {
        JobKind.Training => Get<ITrainingJob>().RunAsync(jobId, CancellationToken.None),
        JobKind.Sampling => Get<ISamplingJob>().RunAsync(jobId, CancellationToken.None),
        JobKind.Evaluation => Get<IEvaluationJob>().RunAsync(jobId, CancellationToken.None),
        JobKind.Dataset => Get<IDatasetJob>().RunAsync(jobId, CancellationToken.None),
        _ => Get<IModelImportJob>().RunAsync(jobId, CancellationToken.None),
    });

    public async Task<Job> JobAsync(Guid jobId)
    {
        await using var db = Open();
        return await db.Jobs.AsNoTracking().SingleAsync(job => job.Id == jobId, Cancellation);
    }

    public Task<CancelOutcome> CancelAsync(Guid jobId) => Get<JobControl>().CancelAsync(jobId, Cancellation);

    /// <summary>Takes a job away from whoever holds it, as a worker does that believes the holder dead.</summary>
    public async Task<JobLease> TakeOverAsync(Guid jobId)
    {
        Clock.Shift = TimeSpan.FromMinutes(5);
        var lease = await Get<JobClaims>().TryClaimAsync(jobId, CancellationToken.None);
        Assert.NotNull(lease);
        return lease;
    }

    public ValueTask DisposeAsync() => _services.DisposeAsync();
}
