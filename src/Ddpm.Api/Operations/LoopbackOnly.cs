using System.Net;
using Hangfire.Dashboard;

namespace Ddpm.Api.Operations;

/// <summary>Admits browsers on this machine that no proxy stands in front of: behind one, everybody would look local.</summary>
internal sealed class LoopbackOnly : IDashboardAuthorizationFilter
{
    public bool Authorize(DashboardContext context)
    {
        var http = context.GetHttpContext();
        return http.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
            && !http.Request.Headers.ContainsKey("X-Forwarded-For") && !http.Request.Headers.ContainsKey("Forwarded");
    }
}
