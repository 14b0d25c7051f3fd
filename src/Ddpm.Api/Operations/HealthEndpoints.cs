using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Operations;

/// <summary>For whoever watches the process.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/healthz").WithTags("System").AllowAnonymous().DisableRateLimiting();
        group.MapGet("/live", () => TypedResults.Ok(new HealthView("healthy", null))).WithName("GetLiveness")
            .Describe("Is the process alive?", "Always 200 while it answers at all.");
        group.MapGet("/ready", GetReadinessAsync).WithName("GetReadiness")
            .Describe("Can it work?", "200 once the database answers and is up to date; 503 with the reason before.")
            .Produces<HealthView>(StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<Results<Ok<HealthView>, JsonHttpResult<HealthView>>> GetReadinessAsync(
        DdpmDbContext db, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        try
        {
            var pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).Count();
            return pending == 0
                ? TypedResults.Ok(new HealthView("healthy", null))
                : Unhealthy($"The database lacks {pending} migrations; they are applied when a process starts.");
        }
#pragma warning disable CA1031 // Whatever keeps the database from answering, the process is not ready.
        catch (Exception exception) when (exception is not OperationCanceledException)
#pragma warning restore CA1031
        {
            HealthLog.DatabaseDown(loggers.CreateLogger(typeof(HealthEndpoints)), exception);
            return Unhealthy("The database does not answer; the server's log has the reason.");
        }
    }

    private static JsonHttpResult<HealthView> Unhealthy(string reason) =>
        TypedResults.Json(new HealthView("unhealthy", reason), statusCode: StatusCodes.Status503ServiceUnavailable);
}

/// <summary>Whether the process can work.</summary>
/// <param name="Status"><c>healthy</c> or <c>unhealthy</c>.</param>
/// <param name="Reason">What is wrong; null where nothing is.</param>
internal sealed record HealthView(string Status, string? Reason);

internal static partial class HealthLog
{
    [LoggerMessage(LogLevel.Warning, "The database does not answer")]
    public static partial void DatabaseDown(ILogger logger, Exception exception);
}
