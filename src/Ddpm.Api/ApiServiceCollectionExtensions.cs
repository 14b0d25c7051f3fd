using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ddpm.Api.Datasets;
using Ddpm.Api.Http;
using Ddpm.Api.OpenApi;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Storage;
using Serilog;
using Serilog.Events;

namespace Ddpm.Api;

/// <summary>What a host needs to serve the API.</summary>
public static class ApiServiceCollectionExtensions
{
    /// <summary>Adds everything behind <see cref="ApiEndpoints.MapDdpmApi"/>, storage included.</summary>
    public static IServiceCollection AddDdpmApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddDdpmStorage(configuration);
        services.AddOptions<DatasetsOptions>().Bind(configuration.GetSection("Datasets")).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<SamplesOptions>().Bind(configuration.GetSection("Samples"));
        services.ConfigureHttpJsonOptions(options => Configure(options.SerializerOptions));
        services.AddProblemDetails().AddExceptionHandler<ProblemHandler>();
        return services.AddDdpmOpenApi();
    }

    /// <summary>Adds Serilog as the API's process uses it: to the console, requests included. The section <c>Serilog</c> changes what is said here.</summary>
    public static IServiceCollection AddDdpmLogging(this IServiceCollection services, IConfiguration configuration) => services.AddSerilog(logging => logging
        .MinimumLevel.Information()
        .MinimumLevel.Override("Hangfire", LogEventLevel.Warning)
        .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
        .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
        .WriteTo.Console(formatProvider: CultureInfo.InvariantCulture)
        .ReadFrom.Configuration(configuration));

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
