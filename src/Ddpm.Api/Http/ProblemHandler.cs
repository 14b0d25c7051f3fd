using System.Globalization;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace Ddpm.Api.Http;

/// <summary>Turns whatever escapes an endpoint into problem details: what the sender did wrong in full, anything else as a bare 500.</summary>
internal sealed partial class ProblemHandler(ILogger<ProblemHandler> logger) : IExceptionHandler
{
    private const int ClientClosedRequest = 499;

    /// <summary>When to try again, with a 503 that passes.</summary>
    public const string RetryAfterSeconds = "5";

    public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            context.Response.StatusCode = ClientClosedRequest;
            return true;
        }

        var problem = exception switch
        {
            RequestProblem refused => refused.Details,
            BadHttpRequestException bad => new() { Status = bad.StatusCode, Title = "The request could not be read.", Detail = bad.Message },
            _ when DiskFullException.IsDiskFull(exception) => new()
            {
                Status = StatusCodes.Status507InsufficientStorage,
                Title = "The disk is full.",
                Detail = exception is DiskFullException ? exception.Message : "There is no room left for this on the server. Delete datasets, checkpoints or samples, or give it a larger disk.",
            },
            OperationCanceledException => new()
            {
                Status = StatusCodes.Status503ServiceUnavailable,
                Title = "The server is stopping.",
                Detail = "Try again in a moment.",
            },
            _ when DatabaseErrors.IsTransient(exception) => new()
            {
                Status = StatusCodes.Status503ServiceUnavailable,
                Title = "The database does not answer.",
                Detail = "Try again in a moment, with the same Idempotency-Key where you sent one: what was accepted is not made twice.",
            },
            _ when DatabaseErrors.IsBrokenReference(exception) => BrokenReference(context, exception),
            _ => Unexpected(context, exception),
        };
        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
            context.Response.Headers.RetryAfter = RetryAfterSeconds;
        if (exception is RequestProblem { RetryAfter: { } wait })
            context.Response.Headers.RetryAfter = Math.Max(1, Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        await TypedResults.Problem(problem).ExecuteAsync(context);
        return true;
    }

    /// <summary>An answer for the errors that routing makes, which come without a body: unknown addresses and methods.</summary>
    public static Task DescribeBareStatusAsync(StatusCodeContext status)
    {
        var (request, response) = (status.HttpContext.Request, status.HttpContext.Response);
        var detail = response.StatusCode switch
        {
            StatusCodes.Status404NotFound =>
                $"There is nothing at {request.Path}. Ids are UUIDs such as {Guid.Empty}; every call is listed at /swagger.",
            StatusCodes.Status405MethodNotAllowed => $"{request.Path} does not take {request.Method}; it takes {response.Headers.Allow}.",
            _ => null,
        };
        return TypedResults.Problem(detail, statusCode: response.StatusCode).ExecuteAsync(status.HttpContext);
    }

    private ProblemDetails BrokenReference(HttpContext context, Exception exception)
    {
        LogBrokenReference(exception, context.Request.Method, context.Request.Path);
        return new()
        {
            Status = StatusCodes.Status409Conflict,
            Title = "Something that this refers to, or that refers to this, was made or deleted at the same moment.",
            Detail = "Nothing was made or deleted. Look at what is there now, and ask again.",
        };
    }

    private ProblemDetails Unexpected(HttpContext context, Exception exception)
    {
        LogUnexpected(exception, context.Request.Method, context.Request.Path);
        return new()
        {
            Status = StatusCodes.Status500InternalServerError,
            Title = "Something went wrong on the server.",
            Detail = "This is not your request's fault. The server's log has the reason, under the traceId given here.",
        };
    }

    [LoggerMessage(LogLevel.Warning, "{Method} {Path} met a change that another made at the same moment")]
    private partial void LogBrokenReference(Exception exception, string method, PathString path);

    [LoggerMessage(LogLevel.Error, "{Method} {Path} failed")]
    private partial void LogUnexpected(Exception exception, string method, PathString path);
}
