using System.Globalization;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Life;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Admission;

/// <summary>Refuses work, with 429, where too much of it waits already, and says when to come again: before an upload is read, and before a row is written.</summary>
/// <remarks>Requests that come at the same moment are not counted against each other: a queue may grow past its limit by as many as are served at once. One that was accepted and is
/// sent again meanwhile is refused, too, and finds its answer when it comes again.</remarks>
internal static class AdmissionGate
{
    private static readonly TimeSpan UnknownPace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>Puts it before an endpoint that makes jobs of a kind.</summary>
    public static RouteHandlerBuilder WithAdmission(this RouteHandlerBuilder route, JobKind kind) => route.AddEndpointFilter(async (context, next) =>
    {
        var services = context.HttpContext.RequestServices;
        Check(
            await services.GetRequiredService<JobControl>().LoadAsync(kind, Caller.Of(context.HttpContext).Account, context.HttpContext.RequestAborted),
            services.GetRequiredService<IOptions<AdmissionOptions>>().Value);
        return await next(context);
    });

    private static void Check(QueueLoad load, AdmissionOptions limits)
    {
        if (load.Waiting >= limits.Waiting)
            throw Full(load, string.Create(CultureInfo.InvariantCulture, $"{load.Waiting} jobs wait in this queue, and no more than {limits.Waiting} may."));
        if (load.OfAccount >= limits.WaitingPerAccount)
            throw Full(load, string.Create(CultureInfo.InvariantCulture, $"{load.OfAccount} jobs of yours wait in this queue, and no more than {limits.WaitingPerAccount} may. Wait until some are done, or cancel some."));
    }

    // A place is free when the next job that waits is taken.
    private static RequestProblem Full(QueueLoad load, string detail)
    {
        var wait = load.Pace ?? UnknownPace;
        return new RequestProblem(new ProblemDetails
        {
            Status = StatusCodes.Status429TooManyRequests,
            Title = "Too much work waits already",
            Detail = detail,
            Extensions = { ["position"] = load.Waiting },
        })
        {
            RetryAfter = wait < LongestWait ? wait : LongestWait,
        };
    }
}
