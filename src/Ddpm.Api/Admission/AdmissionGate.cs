using System.Globalization;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Life;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Admission;

/// <summary>Refuses work, with 429, where too much of it waits already, and says when to come again: before an upload is read, and before a row is written.</summary>
/// <remarks>Requests of the same moment, uploads that are still on their way, and what other processes of the API accept within a second are not counted against each other: a queue may grow
/// past its limit by as many. One that was accepted and is
/// sent again meanwhile is refused, too, and finds its answer when it comes again.</remarks>
internal static class AdmissionGate
{
    private static readonly TimeSpan UnknownPace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    /// <summary>Puts it before an endpoint that makes jobs of a kind.</summary>
    public static RouteHandlerBuilder WithAdmission(this RouteHandlerBuilder route, JobKind kind) => route.AddEndpointFilter(async (context, next) =>
    {
        var services = context.HttpContext.RequestServices;
        var (loads, limits) = (services.GetRequiredService<QueueLoads>(), services.GetRequiredService<IOptions<AdmissionOptions>>().Value);
        var (account, cancellationToken) = (Caller.Of(context.HttpContext).Account, context.HttpContext.RequestAborted);

        // Nobody is refused for what was known a second ago.
        if (Fault(await loads.ReadAsync(kind, account, exactly: false, cancellationToken), limits) is not null
            && await loads.ReadAsync(kind, account, exactly: true, cancellationToken) is var load && Fault(load, limits) is { } fault)
            throw Full(load, await loads.PaceAsync(kind, cancellationToken) ?? UnknownPace, fault);
        loads.Add(kind, account); // one that is refused after all is forgotten within a second
        return await next(context);
    });

    private static string? Fault(QueueLoad load, AdmissionOptions limits)
    {
        if (load.Waiting >= limits.Waiting)
            return string.Create(CultureInfo.InvariantCulture, $"{load.Waiting} jobs wait in this queue, and no more than {limits.Waiting} may.");
        return load.OfAccount >= limits.WaitingPerAccount
            ? string.Create(CultureInfo.InvariantCulture, $"{load.OfAccount} jobs of yours wait in this queue, and no more than {limits.WaitingPerAccount} may. Wait until some are done, or cancel some.")
            : null;
    }

    // A place is free when the next job that waits is taken.
    private static RequestProblem Full(QueueLoad load, TimeSpan wait, string detail) =>
        new(new ProblemDetails
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
