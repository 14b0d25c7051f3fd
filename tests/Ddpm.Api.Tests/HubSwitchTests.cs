namespace Ddpm.Api.Tests;

/// <summary>A server on which nobody has switched on imports from the hub.</summary>
public sealed class HubSwitchTests
{
    [Theory]
    [InlineData("false", "/datasets", """{"source": {"kind": "huggingface", "repository": "huggan/anime-faces"}}""", "source.kind")]
    [InlineData("false", "/models", """{"name": "cifar10", "hub": {"repository": "google/ddpm-cifar10-32"}}""", "hub")]
    [InlineData("", "/models", """{"name": "cifar10", "hub": {"repository": "google/ddpm-cifar10-32"}}""", "hub")]
    public async Task Import_IsRefused_UnlessItIsSwitchedOn(string setting, string path, string json, string field)
    {
        await using var host = new ApiHost();
        using var off = host.WithWebHostBuilder(builder => builder.UseSetting("Hub:Enabled", setting));
        using var client = off.CreateClient(new() { BaseAddress = new("http://localhost") });
        using var response = await client.PostAsync(path, new StringContent(json, System.Text.Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);
        var problem = await ApiHost.ProblemAsync(response, 400);
        Assert.Contains("Hub:Enabled", (string?)problem["errors"]![field]![0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Server_DoesNotStart_WhereTheSettingMeansNothing()
    {
        await using var host = new ApiHost();
        using var odd = host.WithWebHostBuilder(builder => builder.UseSetting("Hub:Enabled", "yes"));
        Assert.Contains("Hub:Enabled is 'yes'", Assert.ThrowsAny<Exception>(() => odd.CreateClient()).ToString(), StringComparison.Ordinal);
    }
}
