namespace Ddpm.Api.Http;

/// <summary>What keeps other web sites that someone visits from using an API that trusts its machine.</summary>
internal static class BrowserSafety
{
    public static void UseBrowserSafety(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        context.Response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        var reads = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || HttpMethods.IsOptions(context.Request.Method);
        return reads || context.Request.Headers["Sec-Fetch-Site"] is not ["cross-site"]
            ? next(context)
            : Problems.Of(StatusCodes.Status403Forbidden, "Refused", "Another web site sent this request through your browser.").ExecuteAsync(context);
    });
}
