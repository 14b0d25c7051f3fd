using Ddpm.Api.Keys;

namespace Ddpm.Api.Http;

/// <summary>What keeps other web sites that someone visits from using an API that trusts their browser, or their machine.</summary>
internal static class BrowserSafety
{
    public static void UseBrowserSafety(this IApplicationBuilder app) => app.Use((context, next) =>
    {
        var request = context.Request;
        var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        return reads || IsOfOurPage(request, Caller.Find(context)?.BySession == true)
            ? next(context)
            : Problems.Of(StatusCodes.Status403Forbidden, "Refused", "Another web site sent this request through your browser.").ExecuteAsync(context);
    });

    // Browsers say where a request comes from: in Sec-Fetch-Site on https and on this machine, in Origin everywhere. Other programs say neither; those that carry a
    // browser's cookie must say one.
    private static bool IsOfOurPage(HttpRequest request, bool bySession)
    {
        if (request.Headers["Sec-Fetch-Site"] is [{ Length: > 0 } site, ..])
            return site is "same-origin" or "none";
        return request.Headers.Origin is [{ Length: > 0 } origin, ..]
            ? origin.Equals($"{request.Scheme}://{request.Host}", StringComparison.OrdinalIgnoreCase) : !bySession;
    }
}
