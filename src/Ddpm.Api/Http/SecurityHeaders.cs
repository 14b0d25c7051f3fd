namespace Ddpm.Api.Http;

/// <summary>What every answer tells a browser not to do with it.</summary>
internal static class SecurityHeaders
{
    /// <summary>For what is no page: it loads nothing, runs nothing and is shown in no frame.</summary>
    private const string Nothing = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    /// <summary>For Swagger's page and Hangfire's, whose scripts and styles stand in the page itself.</summary>
    private const string TheirPages =
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

    public static void UseSecurityHeaders(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var usual = IsTheirs(context.Request.Path) ? TheirPages : Nothing;

        // As late as can be, since an error clears what was set before it.
        context.Response.OnStarting(() =>
        {
            var headers = context.Response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers.XFrameOptions = "DENY";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
            if (context.Request.IsHttps)
                headers.StrictTransportSecurity = "max-age=31536000";
            if (headers.ContentSecurityPolicy.Count == 0)
                headers.ContentSecurityPolicy = usual;
            if (headers.CacheControl.Count == 0)
                headers.CacheControl = "private, no-cache"; // what one key may see, a shared cache must not show to another
            return Task.CompletedTask;
        });
        return next(context);
    });

    private static bool IsTheirs(PathString path) => path.StartsWithSegments("/swagger") || path.StartsWithSegments("/hangfire");
}
