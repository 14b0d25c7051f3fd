using Microsoft.AspNetCore.Mvc;

namespace Ddpm.Api.Http;

/// <summary>A request that cannot be served, found where no return value reaches the endpoint: while a body is read or an upload streams in.</summary>
internal sealed class RequestProblem(ProblemDetails details) : Exception(details.Detail)
{
    public RequestProblem(int status, string title, string detail)
        : this(new ProblemDetails { Status = status, Title = title, Detail = detail })
    {
    }

    public ProblemDetails Details => details;

    /// <summary>When to come again; null where that would not help.</summary>
    public TimeSpan? RetryAfter { get; init; }
}
