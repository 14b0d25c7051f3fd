using System.Net;
using Ddpm.TestSupport;
using Ddpm.Worker.Hub;

namespace Ddpm.Worker.Tests.Hub;

/// <summary>Where the hub's client may be sent, and where it may not.</summary>
public sealed class HubDoorTests : IAsyncLifetime, IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private FakeHub _hub = null!;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Add("datasets/huggan/pictures", "train.parquet", new byte[5000]);
    }

    public ValueTask DisposeAsync() => _hub.DisposeAsync();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("127.0.0.1"), InlineData("10.1.2.3"), InlineData("172.31.255.255"), InlineData("192.168.0.1"), InlineData("169.254.169.254"), InlineData("100.100.100.200")]
    [InlineData("0.0.0.0"), InlineData("224.0.0.1"), InlineData("255.255.255.255"), InlineData("192.0.0.192"), InlineData("198.18.0.1"), InlineData("168.63.129.16")]
    [InlineData("::"), InlineData("::1"), InlineData("fe80::1"), InlineData("fd00:ec2::254"), InlineData("ff02::1"), InlineData("::ffff:127.0.0.1"), InlineData("::ffff:10.0.0.1")]
    [InlineData("64:ff9b::7f00:1"), InlineData("64:ff9b::a9fe:a9fe"), InlineData("2002:7f00:1::"), InlineData("2001:db8::1"), InlineData("2001::1"), InlineData("::7f00:1")]
    public void Address_IsNotPublic(string address) => Assert.False(PublicAddress.IsPublic(IPAddress.Parse(address)));

    [Theory, InlineData("18.67.76.51"), InlineData("172.32.0.1"), InlineData("100.128.0.1"), InlineData("2600:9000:2000::1"), InlineData("64:ff9b::1243:4c33"), InlineData("::ffff:18.67.76.51")]
    public void Address_IsPublic(string address) => Assert.True(PublicAddress.IsPublic(IPAddress.Parse(address)));

    [Fact]
    public async Task Nothing_IsAsked_WhileImportsAreSwitchedOff()
    {
        await AssertRefusesAsync(Options() with { Enabled = false }, "Hub:Enabled");
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task Redirect_IsNotFollowed_ToAHostThatIsNotAllowed()
    {
        // The fake hub keeps its files on another port of 127.0.0.1; asked as localhost, that is another host.
        var options = Options() with { BaseUrl = new Uri($"http://localhost:{_hub.Url.Port}/"), AllowedHosts = ["localhost"] };
        await AssertRefusesAsync(options, "The host 127.0.0.1, which the hub or a redirect of it names, is not one of those that may be asked: localhost (Hub:AllowedHosts)");
        Assert.DoesNotContain(_hub.Requests, request => request.Url.Port == _hub.Storage.Port);
    }

    [Theory, InlineData("127.0.0.1"), InlineData("169.254.169.254"), InlineData("::ffff:10.0.0.1")]
    public async Task Host_IsNotConnectedTo_WhereItsNameMeansAPrivateAddress(string address)
    {
        var options = Options() with { BaseUrl = new Uri($"http://hub.example:{_hub.Url.Port}/"), AllowedHosts = ["hub.example"], AllowPrivateAddresses = false };
        await AssertRefusesAsync(options, "The host hub.example has the address", IPAddress.Parse(address));
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public async Task Host_IsConnectedTo_AtTheAddressThatWasLookedAt()
    {
        var asked = 0;
        var options = Options() with { BaseUrl = new Uri($"http://hub.example:{_hub.Url.Port}/"), AllowedHosts = ["hub.example", "127.0.0.1"] };
        using var client = new HubClient(options.Build(), TimeProvider.System, (_, _) => Task.FromResult(new[] { asked++ == 0 ? IPAddress.Loopback : IPAddress.None }));
        await client.FetchAsync(new HubRepository(true, "huggan/pictures", "main"), files => files, null, TestContext.Current.CancellationToken);
        Assert.Equal(1, asked); // and the connection is used again
    }

    [Theory, InlineData("http://a.hf.co/x", true), InlineData("http://hf.co/x", false), InlineData("http://evilhf.co/x", false), InlineData("http://a.hf.co.evil.example/x", false)]
    [InlineData("http://user:pass@a.hf.co/x", false), InlineData("http://a.hf.co:22/x", false)]
    public void Address_IsAllowedOrNot(string url, bool isAllowed)
    {
        var options = (Options() with { BaseUrl = new Uri("http://huggingface.co/"), AllowedHosts = ["*.hf.co"], AllowPrivateAddresses = false }).Build();
        var door = new HubDoor(options, Dns.GetHostAddressesAsync);
        Assert.Equal(isAllowed, Record.Exception(() => door.Check(new Uri(url))) is not HubException);
    }

    private Some Options() => new(_folder.Path, _hub.Url, [_hub.Url.Host], Enabled: true, AllowPrivateAddresses: true);

    private static async Task AssertRefusesAsync(Some options, string message, params IPAddress[] addresses)
    {
        using var client = addresses.Length == 0 ? new HubClient(options.Build(), TimeProvider.System)
            : new HubClient(options.Build(), TimeProvider.System, (_, _) => Task.FromResult(addresses));
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(
            new HubRepository(true, "huggan/pictures", "main"), files => files, null, TestContext.Current.CancellationToken));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
    }

    private sealed record Some(string Cache, Uri BaseUrl, string[] AllowedHosts, bool Enabled, bool AllowPrivateAddresses)
    {
        public HubOptions Build() => new()
        {
            Cache = Cache,
            BaseUrl = BaseUrl,
            AllowedHosts = AllowedHosts,
            Enabled = Enabled,
            AllowPrivateAddresses = AllowPrivateAddresses,
            Attempts = 2,
            FirstPause = TimeSpan.FromMilliseconds(1),
        };
    }
}
