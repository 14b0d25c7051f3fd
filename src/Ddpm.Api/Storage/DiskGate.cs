using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Samples;
using Ddpm.Api.TrainingRuns;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Mvc;

namespace Ddpm.Api.Storage;

/// <summary>Refuses, with 507, what makes something where there is no room for it: before an upload is read, and before a row is written.</summary>
/// <remarks>What a worker will need on top (a checkpoint, a dataset's cache, a download) it checks itself, since only it knows how much that is.</remarks>
internal static class DiskGate
{
    private const long BytesOfAPicture = 64 << 10; // alone and in the grid; 64×64 pixels of noise
    private const long BytesOfARun = 16 << 20; // its curves and previews, and a small checkpoint
    private const long BytesOfOthers = 1 << 20;

    /// <summary>Puts it before every POST of a group but those that stop something.</summary>
    public static RouteGroupBuilder WithDiskGate(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Add(endpoint =>
        {
            if (endpoint is not RouteEndpointBuilder route || route.RoutePattern.RawText?.EndsWith("/cancel", StringComparison.Ordinal) == true
                || !route.Metadata.OfType<IHttpMethodMetadata>().Any(methods => methods.HttpMethods.Contains(HttpMethods.Post)))
                return;
            route.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status507InsufficientStorage, typeof(ProblemDetails), ["application/problem+json"]));
            route.FilterFactories.Add((_, next) => context =>
            {
                var (bytes, what) = Need(context);
                context.HttpContext.RequestServices.GetRequiredService<DiskSpace>().Require(bytes, what);
                return next(context);
            });
        });
        return group;
    }

    private static (long Bytes, string What) Need(EndpointFilterInvocationContext context)
    {
        foreach (var argument in context.Arguments)
        {
            switch (argument)
            {
                case JsonBody<CreateSamples> samples:
                    return (samples.Value.Count * BytesOfAPicture, "The request for samples");
                case JsonBody<CreateTrainingRun> or JsonBody<ResumeTrainingRun>:
                    return (BytesOfARun, "The training run");
                case JsonBody<CreateEvaluation>:
                    return (BytesOfOthers, "The evaluation");
            }
        }

        var request = context.HttpContext.Request;
        return MultipartUpload.IsMultipart(request) ? (request.ContentLength ?? BytesOfOthers, "The upload") : (BytesOfOthers, "The request");
    }
}
