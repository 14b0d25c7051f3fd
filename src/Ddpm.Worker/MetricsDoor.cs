using Ddpm.Jobs.Accounts;

namespace Ddpm.Worker;

/// <summary>Who may read a worker's metrics: whoever shows the key of an administrator, and while no key was ever made, whoever comes from this machine.</summary>
internal sealed class MetricsDoor(KeyRing keys)
{
    public const string Path = "/metrics";

    /// <summary>Lets a request pass, or answers it with 401 where it asks for them and may not.</summary>
    public async Task PassAsync(HttpContext context, RequestDelegate next)
    {
        if (!context.Request.Path.StartsWithSegments(Path) || await OpensForAsync(context))
        {
            await next(context);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status401Unauthorized;
        context.Response.Headers.WWWAuthenticate = "Bearer";
    }

    private async Task<bool> OpensForAsync(HttpContext context)
    {
        var (headers, stop) = (context.Request.Headers, context.RequestAborted);
        return KeyText.Shown(headers.Authorization.FirstOrDefault(), headers["X-Api-Key"].FirstOrDefault()) is { } shown
            ? await keys.FindAsync(shown, stop) is { Role: ApiRole.Admin }
            : Loopback.AreEnds(context.Connection.LocalIpAddress, context.Connection.RemoteIpAddress) && !await keys.HasKeysAsync(stop);
    }
}
