using Ddpm.Jobs.Telemetry;

namespace Ddpm.Api.Operations;

/// <summary>What Prometheus reads.</summary>
internal static class MetricsEndpoint
{
    public const string Path = "/metrics";

    public static IEndpointConventionBuilder MapMetrics(this IEndpointRouteBuilder routes)
    {
        routes.ServiceProvider.GetRequiredService<ServiceGauges>(); // which are read from now on
        return routes.MapPrometheusScrapingEndpoint(Path);
    }

    /// <summary>Whoever watches asks all day long.</summary>
    public static bool IsWorthASpan(HttpContext context) => !context.Request.Path.StartsWithSegments(Path) && !context.Request.Path.StartsWithSegments("/healthz");
}
