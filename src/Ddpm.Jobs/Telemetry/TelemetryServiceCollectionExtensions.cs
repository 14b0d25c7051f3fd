using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Ddpm.Jobs.Telemetry;

/// <summary>What every process of ours measures, and where its spans go.</summary>
public static class TelemetryServiceCollectionExtensions
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Collects metrics; and spans, which are sent on where the setting <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says to. Called twice, the first call counts.</summary>
    /// <param name="services">Of the host.</param>
    /// <param name="configuration">Its settings.</param>
    /// <param name="service">The process's name among others.</param>
    /// <param name="metrics">Adds who reads the metrics.</param>
    /// <param name="traces">Adds more sources of spans.</param>
    public static IServiceCollection AddDdpmTelemetry(
        this IServiceCollection services, IConfiguration configuration, string service, Action<MeterProviderBuilder> metrics, Action<TracerProviderBuilder>? traces = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configuration);
        if (services.Any(other => other.ServiceType == typeof(Added)))
            return services;

        services.AddSingleton<Added>();
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(service))
            .WithMetrics(provider => metrics(provider.AddMeter(Tracing.Name, "Microsoft.AspNetCore.Hosting", "System.Runtime")));
        if (!string.IsNullOrWhiteSpace(configuration[Endpoint]))
            telemetry.WithTracing(provider =>
            {
                provider.AddSource(Tracing.Name).AddOtlpExporter();
                traces?.Invoke(provider);
            });
        return services;
    }

    private sealed class Added;
}
