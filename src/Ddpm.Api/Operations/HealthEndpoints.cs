using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;

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

    private static async Task<Results<Ok<HealthView>, JsonHttpResult<HealthView>>> GetReadinessAsync(Readiness readiness, CancellationToken cancellationToken) =>
        await readiness.WhatIsMissingAsync(cancellationToken) is { } missing
            ? TypedResults.Json(new HealthView("unhealthy", missing), statusCode: StatusCodes.Status503ServiceUnavailable)
            : TypedResults.Ok(new HealthView("healthy", null));
}

/// <summary>Whether the process can work.</summary>
/// <param name="Status"><c>healthy</c> or <c>unhealthy</c>.</param>
/// <param name="Reason">What is wrong; null where nothing is.</param>
internal sealed record HealthView(string Status, string? Reason);
