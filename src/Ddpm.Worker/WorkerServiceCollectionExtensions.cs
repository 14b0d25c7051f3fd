using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;
using Ddpm.Worker.Datasets;
using Ddpm.Worker.Evaluations;
using Ddpm.Worker.Hub;
using Ddpm.Worker.Life;
using Ddpm.Worker.Models;
using Ddpm.Worker.Sampling;
using Ddpm.Worker.Training;
using Hangfire;
using OpenTelemetry.Metrics;

namespace Ddpm.Worker;

/// <summary>All that a process needs to do the work.</summary>
public static class WorkerServiceCollectionExtensions
{
    // They only start batches.
    private const int SamplingStarters = 2;

    /// <summary>Adds the jobs, the device, the shipped models and one Hangfire server for each queue.</summary>
    public static IServiceCollection AddDdpmWorker(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddDdpmStorage(configuration);
        services.AddDdpmTelemetry(configuration, "ddpm-worker", metrics => metrics.AddPrometheusExporter());
        services.AddSingleton<MetricsDoor>();
        services.AddSingleton<WorkerMetrics>();
        services.AddHostedService(provider => provider.GetRequiredService<WorkerMetrics>());
        services.AddOptions<WorkerOptions>().Bind(configuration.GetSection("Worker")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<WorkerDevice>();
        services.AddSingleton<JobRunner>();
        services.AddSingleton<JobStarter>();
        services.AddHostedService(provider => provider.GetRequiredService<JobStarter>());
        services.AddSingleton<SamplingPlaces>();
        services.AddSingleton<MemoryBudget>();
        services.AddSingleton<CheckpointChain>();
        services.AddSingleton<TrainingRoom>();
        services.AddSingleton<ModelCache>();
        services.AddSingleton<ModelIntake>();
        services.AddSingleton<AllowedFolders>();
        var hub = HubOptions.From(configuration, Path.Combine(StorageOptions.From(configuration).DataRoot, "hub"));
        services.AddSingleton(provider => new HubClient(
            hub, provider.GetRequiredService<TimeProvider>(), bytes => provider.GetRequiredService<DiskSpace>().RequireIn(hub.Cache, bytes, "The download")));
        services.AddSingleton<FeatureNetworks>();
        services.AddTransient<IDatasetJob, DatasetJob>();
        services.AddTransient<IEvaluationJob, EvaluationJob>();
        services.AddTransient<IModelImportJob, ModelImportJob>();
        services.AddTransient<ISamplingJob, SamplingJob>();
        services.AddTransient<ITrainingJob, TrainingJob>();
        services.AddHostedService<WorkerPresenceService>();
        services.AddHostedService<BuiltinModels>();
        services.AddHostedService<ModelWarmUp>();
        services.AddHostedService<CostBackfill>();

        // Longer than Hangfire's servers take, shorter than a container's grace.
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(25));
        foreach (var queue in Queues.All)
            services.AddHangfireServer(server =>
            {
                server.Queues = [queue];
                server.WorkerCount = queue == Queues.Sampling ? SamplingStarters : 1;
                server.ShutdownTimeout = TimeSpan.FromSeconds(20);
                server.CancellationCheckInterval = TimeSpan.FromSeconds(1);
            });
        return services;
    }
}
