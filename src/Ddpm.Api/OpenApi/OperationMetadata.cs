using Ddpm.Api.Http;

namespace Ddpm.Api.OpenApi;

/// <summary>A JSON body, for the document; read by the endpoint itself, so that routing does not judge content types.</summary>
/// <param name="Type">What it becomes.</param>
/// <param name="Example">Works as it is; <c>{datasetId}</c> and the like stand for the newest of their kind.</param>
internal sealed record JsonBodyMetadata(Type Type, string Example);

/// <summary>A multipart body with one file, for the document.</summary>
/// <param name="Fields">The fields beside the file.</param>
/// <param name="Description">What the file must be.</param>
internal sealed record UploadMetadata(Type Fields, string Description);

/// <summary>A query parameter that the endpoint reads itself, for the document.</summary>
internal sealed record QueryMetadata(string Name, string Description, string Type, object Example);

/// <summary>What endpoints say about themselves.</summary>
internal static class OperationMetadata
{
    private const string ProblemJson = "application/problem+json";

    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder endpoint, string summary, string description) =>
        endpoint.WithSummary(summary).WithDescription(description);

    public static RouteHandlerBuilder WithJsonBody<T>(this RouteHandlerBuilder endpoint, string example) =>
        endpoint.WithMetadata(new JsonBodyMetadata(typeof(T), example));

    public static RouteHandlerBuilder WithUpload<TFields>(this RouteHandlerBuilder endpoint, string description) =>
        endpoint.WithMetadata(new UploadMetadata(typeof(TFields), description));

    public static RouteHandlerBuilder WithQuery(this RouteHandlerBuilder endpoint, string name, string description, string type, object example) =>
        endpoint.WithMetadata(new QueryMetadata(name, description, type, example));

    public static RouteHandlerBuilder WithPicture(this RouteHandlerBuilder endpoint, string contentType = Pictures.Png) =>
        endpoint.Produces(StatusCodes.Status200OK, contentType: contentType).Produces(StatusCodes.Status304NotModified);

    /// <summary>An endpoint that goes on answering until the client leaves.</summary>
    public static RouteHandlerBuilder WithEvents(this RouteHandlerBuilder endpoint)
    {
        endpoint.DisableRequestTimeout();
        return endpoint.Produces(StatusCodes.Status200OK, contentType: "text/event-stream").RequireRateLimiting(RateLimits.Streams);
    }

    public static RouteHandlerBuilder WithProblems(this RouteHandlerBuilder endpoint, params int[] statuses)
    {
        foreach (var status in statuses)
        {
            if (status == StatusCodes.Status400BadRequest)
                endpoint.Produces<HttpValidationProblemDetails>(status, ProblemJson);
            else
                endpoint.ProducesProblem(status);
        }

        return endpoint;
    }
}
