using System.Net;
using Ddpm.Jobs.Accounts;
using Ddpm.TestSupport;
using Microsoft.AspNetCore.Http;

namespace Ddpm.Worker.Tests;

public sealed class MetricsDoorTests : WorkerTests
{
    private static readonly IPAddress Elsewhere = IPAddress.Parse("192.0.2.1");

    [Fact]
    public async Task WithoutKeys_ThisMachineMayRead_AndNobodyElse()
    {
        Assert.Equal(200, await AskAsync("/metrics"));
        Assert.Equal(401, await AskAsync("/metrics", from: Elsewhere));
        Assert.Equal(401, await AskAsync("/metrics", key: "ddpm_no"));
        Assert.Equal(200, await AskAsync("/healthz/live", from: Elsewhere));
    }

    [Fact]
    public async Task WithKeys_AnAdministratorMayRead_AndNobodyElse()
    {
        var keys = Host.Get<ApiKeyStore>();
        var admin = (await keys.AddAsync("root", ApiRole.Admin, null, Cancellation)).Key;
        var reader = (await keys.AddAsync("anna", ApiRole.Read, null, Cancellation)).Key;

        await Eventually.BecomesTrueAsync("keys are asked for", async () => await AskAsync("/metrics") == 401);
        Assert.Equal(200, await AskAsync("/metrics", from: Elsewhere, key: admin));
        Assert.Equal(401, await AskAsync("/metrics", key: reader));
        Assert.Equal(200, await AskAsync("/healthz/live"));
    }

    private async Task<int> AskAsync(string path, IPAddress? from = null, string? key = null)
    {
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        (context.Connection.LocalIpAddress, context.Connection.RemoteIpAddress) = (from ?? IPAddress.Loopback, from ?? IPAddress.Loopback);
        if (key is not null)
            context.Request.Headers.Authorization = $"Bearer {key}";
        await new MetricsDoor(Host.Get<KeyRing>()).PassAsync(context, _ => Task.CompletedTask);
        return context.Response.StatusCode;
    }
}
