using Microsoft.AspNetCore.Http.HttpResults;

namespace Ddpm.Api.Http;

/// <summary>The problem details (RFC 9457) that endpoints return.</summary>
internal static class Problems
{
    public static ProblemHttpResult NotFound(string detail) => Of(StatusCodes.Status404NotFound, "Not found", detail);

    public static ProblemHttpResult NotFound(string kind, Guid id) => NotFound($"There is no {kind} {id}. It may have been deleted.");

    public static ProblemHttpResult Conflict(string detail) => Of(StatusCodes.Status409Conflict, "Not possible in its present state", detail);

    public static ProblemHttpResult Gone(string detail) => Of(StatusCodes.Status410Gone, "No longer there", detail);

    public static ProblemHttpResult Of(int status, string title, string detail) => TypedResults.Problem(detail, statusCode: status, title: title);
}
