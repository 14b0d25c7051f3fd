using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

/// <summary>What the API says where there is no room.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly ApiHost _host = new();

    [Theory]
    [InlineData("/samples", "{}")]
    [InlineData("/training-runs", """{"datasetId": "00000000-0000-0000-0000-000000000000"}""")]
    [InlineData("/evaluations", """{"datasetId": "00000000-0000-0000-0000-000000000000"}""")]
    [InlineData("/datasets", """{"source": {"kind": "builtin", "count": 7}}""")]
    [InlineData("/models", """{"name": "a", "hub": {"repository": "a/b"}}""")]
    public async Task Post_IsRefusedWithNumbers_WhenTheBudgetIsUsedUp(string path, string json)
    {
        _host.Artifacts.Write("uploads/ballast", new byte[(2 << 20) + 1]);
        using var full = _host.WithWebHostBuilder(builder => builder.UseSetting("Storage:MaxBytes", $"{2 << 20}"));
        using var client = full.CreateClient();
        using var body = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
        using var response = await client.PostAsync(path, body, TestContext.Current.CancellationToken);

        var problem = await ApiHost.ProblemAsync(response, 507);

        Assert.Contains("take 2.0 of 2.0 MiB (Storage:MaxBytes), so 0.0 MiB are free", (string?)problem["detail"], StringComparison.Ordinal);
        await using var db = _host.Database();
        Assert.Equal(0, await db.Jobs.CountAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Upload_IsRefused_WhenItIsLargerThanTheRoom_AndLeavesNothing()
    {
        using var full = _host.WithWebHostBuilder(builder => builder.UseSetting("Storage:MaxBytes", $"{1 << 20}"));
        _host.Artifacts.Write("samples/ballast", new byte[(1 << 20) - 1000]);
        using var client = full.CreateClient();
        using var form = ApiHost.Form(new byte[2000]);
        using var response = await client.PostAsync("/datasets", form, TestContext.Current.CancellationToken);

        var problem = await ApiHost.ProblemAsync(response, 507);

        Assert.StartsWith("The upload needs about 0.0 MiB.", (string?)problem["detail"], StringComparison.Ordinal);
        Assert.Empty(_host.FilesUnder("uploads"));
        Assert.Empty(_host.FilesUnder(".staging"));
    }

    [Fact]
    public async Task Reading_Naming_AndCancelling_GoOn_WhenTheReserveIsReached()
    {
        using var full = _host.WithWebHostBuilder(builder => builder.UseSetting("Storage:ReserveBytes", $"{long.MaxValue / 16}"));
        using var client = full.CreateClient();
        using var system = await client.GetAsync("/system", TestContext.Current.CancellationToken);
        var disk = (await ApiHost.JsonAsync(system, 200))["disk"]!;
        Assert.Equal((0, null), ((long)disk["roomBytes"]!, (long?)disk["maxBytes"]));
        Assert.StartsWith("Nothing new is taken: The disk has", (string?)disk["warning"], StringComparison.Ordinal);

        using var cancelled = await client.PostAsync($"/samples/{Guid.NewGuid()}/cancel", null, TestContext.Current.CancellationToken);
        await ApiHost.ProblemAsync(cancelled, 404);
        using var refused = await client.PostAsync("/samples", null, TestContext.Current.CancellationToken);
        Assert.Contains("(Storage:ReserveBytes)", (string?)(await ApiHost.ProblemAsync(refused, 507))["detail"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task System_Warns_BeforeTheDiskIsFull()
    {
        Assert.Null((string?)(await _host.GetJsonAsync("/system"))["disk"]!["warning"]);
        _host.Artifacts.Write("uploads/ballast", new byte[(1 << 20) + (9 << 17)]);
        using var tight = _host.WithWebHostBuilder(builder => builder.UseSetting("Storage:MaxBytes", $"{9 << 18}"));
        using var client = tight.CreateClient();
        using var response = await client.GetAsync("/system", TestContext.Current.CancellationToken);
        var disk = (await ApiHost.JsonAsync(response, 200))["disk"]!;
        Assert.StartsWith("Room is running out: Artifacts take 2.1 of 2.3 MiB", (string?)disk["warning"], StringComparison.Ordinal);
        Assert.True((long)disk["roomBytes"]! > 0);
    }

    public void Dispose() => _host.Dispose();
}
