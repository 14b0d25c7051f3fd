using Ddpm.Api.Operations;
using Ddpm.Jobs.Telemetry;
using Serilog.AspNetCore;
using Serilog.Events;

namespace Ddpm.Api.Http;

/// <summary>Says in every answer under which id the log knows the request, and puts that id beside what it asks for.</summary>
internal static class RequestIds
{
    private const string Header = "X-Request-Id";

    /// <summary>The server's own, of the connection and the request's number there: what a sender says would be anybody's.</summary>
    public static string? Of(HttpContext context) => context.TraceIdentifier is { Length: <= Tracing.LongestRequestId } id ? id : null;

    /// <summary>Gives answers the header.</summary>
    public static void UseRequestIds(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        // As late as can be, since an error clears what was set before it.
        context.Response.OnStarting(() =>
        {
            context.Response.Headers[Header] = Of(context);
            return Task.CompletedTask;
        });
        return next(context);
    });

    /// <summary>Gives the line of a request its id. Whoever reads the metrics all day long gets no line for it.</summary>
    public static void Name(RequestLoggingOptions lines)
    {
        lines.EnrichDiagnosticContext = (line, context) => line.Set(JobScope.RequestId, Of(context));
        var usual = lines.GetLevel;
        lines.GetLevel = (context, duration, fault) =>
            context.Request.Path == MetricsEndpoint.Path && context.Response.StatusCode == StatusCodes.Status200OK ? LogEventLevel.Debug : usual(context, duration, fault);
    }
}
