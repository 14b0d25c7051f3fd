using System.Security.Cryptography;
using System.Text;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Ddpm.Api.Http;

/// <summary>Answers with pictures from the artifact store; a client that has one already gets 304.</summary>
internal static class Pictures
{
    public const string Png = "image/png";
    public const string WebP = "image/webp";

    /// <summary>A picture that never changes under its address.</summary>
    public static Results<FileStreamHttpResult, ProblemHttpResult> Finished(HttpContext context, ArtifactStore artifacts, string key) =>
        Send(context, artifacts, key, "private, max-age=31536000, immutable");

    /// <summary>A picture that may be drawn anew.</summary>
    public static Results<FileStreamHttpResult, ProblemHttpResult> Latest(HttpContext context, ArtifactStore artifacts, string key) =>
        Send(context, artifacts, key, "no-cache");

    private static Results<FileStreamHttpResult, ProblemHttpResult> Send(
        HttpContext context, ArtifactStore artifacts, string key, string cacheControl)
    {
        try
        {
            var file = artifacts.OpenRead(key);
            context.Response.Headers.CacheControl = cacheControl;
            return TypedResults.Stream(file, key.EndsWith(".webp", StringComparison.Ordinal) ? WebP : Png, entityTag: Tag(key, artifacts), enableRangeProcessing: true);
        }
        catch (FileNotFoundException)
        {
            return Problems.NotFound("The picture has been deleted.");
        }
    }

    // Artifacts are written once and renamed into place, so key and time say which content it is without reading it.
    private static EntityTagHeaderValue Tag(string key, ArtifactStore artifacts)
    {
        var version = $"{key}@{File.GetLastWriteTimeUtc(artifacts.PathOf(key)).Ticks}";
        return new($"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(version)).AsSpan(0, 12))}\"");
    }
}
