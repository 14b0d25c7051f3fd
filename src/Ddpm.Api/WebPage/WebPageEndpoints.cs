using System.Security.Cryptography;
using Microsoft.Net.Http.Headers;

namespace Ddpm.Api.WebPage;

/// <summary>The page at /, from inside the assembly: whichever host maps the API serves it.</summary>
internal static class WebPageEndpoints
{
    private const string Policy = "default-src 'self'; img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; object-src 'none'; frame-ancestors 'none'";

    public static void MapWebPage(this IEndpointRouteBuilder routes)
    {
        routes.MapFile("/", "index.html", "text/html; charset=utf-8");
        routes.MapFile("/app.css", "app.css", "text/css; charset=utf-8");
        routes.MapFile("/app.js", "app.js", "text/javascript; charset=utf-8");
        routes.MapFile("/favicon.svg", "favicon.svg", "image/svg+xml");
    }

    private static void MapFile(this IEndpointRouteBuilder routes, string path, string name, string contentType)
    {
        var bytes = Resource($"WebPage/{name}");
        var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(bytes).AsSpan(0, 12))}\"");
        routes.MapGet(path, (HttpContext context) =>
        {
            context.Response.Headers.ContentSecurityPolicy = Policy;
            context.Response.Headers.CacheControl = "no-cache";
            return TypedResults.Bytes(bytes, contentType, entityTag: tag);
        }).ExcludeFromDescription().AllowAnonymous();
    }

    private static byte[] Resource(string name)
    {
        using var stream = typeof(WebPageEndpoints).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The resource {name} is missing from the assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
