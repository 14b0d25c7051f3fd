using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Http;

/// <summary>How large, how slow and how many requests may be.</summary>
internal static class LimitServiceCollectionExtensions
{
    /// <summary>Longer than any JSON that is accepted (6 MiB with pictures in it); uploads count their own bytes.</summary>
    private const long LargestBody = 8 << 20;

    /// <summary>Bytes a second, after ten seconds, below which a body is no longer waited for.</summary>
    private const double SlowestBody = 1024;

    private const int MostConnections = 2000;

    public static IServiceCollection AddDdpmLimits(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<RateLimitOptions>().Bind(configuration.GetSection("RateLimits")).ValidateDataAnnotations().ValidateOnStart();
        services.AddRateLimiter(_ => { });
        services.AddOptions<RateLimiterOptions>().Configure<IOptions<RateLimitOptions>>((limiter, options) => RateLimits.Configure(limiter, options.Value));
        services.AddRequestTimeouts();
        services.AddOptions<RequestTimeoutOptions>().Configure<IOptions<RateLimitOptions>>((timeouts, options) => timeouts.DefaultPolicy = new RequestTimeoutPolicy
        {
            Timeout = options.Value.LongestAnswer,
            TimeoutStatusCode = StatusCodes.Status503ServiceUnavailable,
            WriteTimeoutResponse = context =>
            {
                context.Response.Headers.RetryAfter = ProblemHandler.RetryAfterSeconds;
                return Task.CompletedTask; // the body is that of every bare status
            },
        });
        return services.Configure<KestrelServerOptions>(Configure);
    }

    private static void Configure(KestrelServerOptions server)
    {
        server.AddServerHeader = false;
        var limits = server.Limits;
        limits.MaxRequestBodySize = LargestBody;
        limits.MinRequestBodyDataRate = new MinDataRate(SlowestBody, TimeSpan.FromSeconds(10));
        limits.MaxRequestHeaderCount = 64;
        limits.MaxRequestHeadersTotalSize = 16 << 10;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
        limits.MaxConcurrentConnections = MostConnections;
        limits.Http2.MaxStreamsPerConnection = 100;
    }
}
