using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ddpm.Api.Admission;
using Ddpm.Api.Datasets;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Api.Operations;
using Ddpm.Api.Samples;
using Ddpm.Api.TrainingRuns;
using Ddpm.Jobs.Configuration;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Ddpm.Api;

/// <summary>What a host needs to serve the API.</summary>
public static class ApiServiceCollectionExtensions
{
    /// <summary>Adds everything behind <see cref="ApiEndpoints.MapDdpmApi"/>, storage included.</summary>
    public static IServiceCollection AddDdpmApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddDdpmStorage(configuration);
        services.AddSingleton<ServiceGauges>();
        services.AddDdpmTelemetry(configuration, "ddpm-api", metrics => metrics.AddPrometheusExporter(), traces => traces.AddAspNetCoreInstrumentation(requests => requests.Filter = MetricsEndpoint.IsWorthASpan));
        services.AddDdpmKeys();
        services.AddDdpmLimits(configuration);
        services.AddOptions<DatasetsOptions>().Bind(configuration.GetSection("Datasets")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<HubSwitch>().Configure(hub => hub.Enabled = configuration.Switch("Hub:Enabled", otherwise: false)).ValidateOnStart();
        services.AddOptions<AdmissionOptions>().Bind(configuration.GetSection("Limits")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<EvaluationsOptions>().Bind(configuration.GetSection("Evaluations")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<TrainingRunsOptions>().Bind(configuration.GetSection("TrainingRuns")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<SamplesOptions>().Bind(configuration.GetSection("Samples")).ValidateDataAnnotations().ValidateOnStart();
        services.ConfigureHttpJsonOptions(options => Configure(options.SerializerOptions));
        services.AddProblemDetails().AddExceptionHandler<ProblemHandler>();
        return services.AddDdpmOpenApi();
    }

    // Strict where a slip would otherwise pass unnoticed; readable where a person looks.
    private static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNameCaseInsensitive = false;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false));
    }
}
