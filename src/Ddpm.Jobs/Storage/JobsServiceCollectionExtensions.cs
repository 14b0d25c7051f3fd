using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Workers;
using Hangfire;
using Hangfire.AspNetCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Storage;

/// <summary>What every process of ours needs: rows, artifacts, dispatch.</summary>
public static class JobsServiceCollectionExtensions
{
    /// <summary>Adds the database, the artifact store, Hangfire's client and the services that keep the rows alive. May be called twice.</summary>
    public static IServiceCollection AddDdpmStorage(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(service => service.ServiceType == typeof(StorageOptions)))
            return services;

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(_ => StorageOptions.From(configuration));
        services.AddSingleton<DdpmDbContextFactory>();
        services.AddSingleton<IDbContextFactory<DdpmDbContext>>(provider => provider.GetRequiredService<DdpmDbContextFactory>());
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<DdpmDbContext>>().CreateDbContext());
        services.AddSingleton(provider => new ArtifactStore(provider.GetRequiredService<StorageOptions>().ArtifactRoot, provider.GetRequiredService<DiskSpace>()));
        services.AddOptions<DiskOptions>().Bind(configuration.GetSection("Storage")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<DiskSpace>();
        services.AddSingleton<ApiKeyStore>();
        services.AddSingleton<KeyRing>();
        services.AddSingleton<DatabaseInitializer>();
        services.AddSingleton<Readiness>();
        services.AddHostedService(provider => provider.GetRequiredService<DatabaseInitializer>());

        services.AddOptions<LeaseOptions>().Bind(configuration.GetSection("Worker")).ValidateDataAnnotations().ValidateOnStart()
            .Validate(lease => lease.LeaseRenewal * 2 < lease.LeaseDuration, "Worker:LeaseRenewal must be less than half of Worker:LeaseDuration.");
        services.AddOptions<LeftoverOptions>().Bind(configuration.GetSection("Leftovers")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<JobMetrics>();
        services.AddSingleton<WorkerIdentity>();
        services.AddSingleton<JobDispatcher>();
        services.AddSingleton<JobOutbox>();
        services.AddHostedService(provider => provider.GetRequiredService<JobOutbox>());
        services.AddSingleton<JobControl>();
        services.AddSingleton<QueueLoads>();
        services.AddSingleton<JobClaims>();
        services.AddSingleton<JobTurns>();
        services.AddSingleton<OtherWorkers>();
        services.AddSingleton<JobReconciler>();
        services.AddSingleton<LeftoverSweeper>();
        services.AddSingleton<Retention>();
        services.AddHostedService<JobReconcilerService>();
        return services.AddHangfireDispatch();
    }

    // Storage and activator are registered before AddHangfire, whose own are statics: several hosts may live in one process.
    private static IServiceCollection AddHangfireDispatch(this IServiceCollection services)
    {
        services.AddSingleton(provider => HangfireStorage.Create(provider.GetRequiredService<StorageOptions>()));
        services.AddSingleton<JobActivator>(provider => new AspNetCoreJobActivator(provider.GetRequiredService<IServiceScopeFactory>()));
        return services.AddHangfire((provider, hangfire) => hangfire
            .UseLogProvider(new HangfireLogProvider(provider.GetRequiredService<ILoggerFactory>()))
            .SetDataCompatibilityLevel(CompatibilityLevel.Version_180)
            .UseSimpleAssemblyNameTypeSerializer()
            .UseRecommendedSerializerSettings());
    }
}
