using System.Security.Cryptography;
using Ddpm.TestSupport;
using Ddpm.Worker.Hub;
using Microsoft.Extensions.Configuration;

namespace Ddpm.Worker.Tests.Hub;

public sealed class HubClientTests : IAsyncLifetime
{
    private const string Large = "data/large.bin";
    private const string Small = "small.json";

    private static readonly HubRepository _pictures = new(IsDataset: true, "huggan/pictures", "main");

    private readonly TemporaryFolder _folder = new();
    private readonly byte[] _large = RandomNumberGenerator.GetBytes(300_000);
    private FakeHub _hub = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _hub = await FakeHub.StartAsync();
        _hub.Add("datasets/huggan/pictures", Small, "{}"u8.ToArray());
        _hub.Add("datasets/huggan/pictures", Large, _large);
        _hub.Add("datasets/huggan/pictures", "data/other.bin", RandomNumberGenerator.GetBytes(2000));
    }

    public async ValueTask DisposeAsync()
    {
        await _hub.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Fetch_BringsWhatIsChosen_AndGivesTheTokenToTheHubOnly()
    {
        using var client = Client(token: "hf_secret");
        var progress = new List<double>();

        var snapshot = await client.FetchAsync(_pictures, Chosen, new Reporter(progress.Add), Cancellation);

        Assert.Equal((FakeHub.Commit, 2), (snapshot.Commit, snapshot.Files.Count));
        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(snapshot.Folder, Large), Cancellation));
        Assert.Equal("{}", await File.ReadAllTextAsync(Path.Combine(snapshot.Folder, Small), Cancellation));
        Assert.Equal(2, Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Length);
        Assert.Equal(1, progress[^1]);
        Assert.Equal(progress.Order(), progress);
        Assert.Equal(2, _hub.Requests.Count(request => request.Url.Port == _hub.Storage.Port));
        Assert.All(_hub.Requests, request => Assert.Equal(request.Url.Port == _hub.Url.Port ? "Bearer hf_secret" : "", request.Authorization));
    }

    [Fact]
    public async Task Fetch_TakesFromTheCache_WhatIsThere()
    {
        using var client = Client();
        await client.FetchAsync(_pictures, Chosen, null, Cancellation);
        _hub.Requests.Clear();

        await client.FetchAsync(_pictures, Chosen, null, Cancellation);

        Assert.All(_hub.Requests, request => Assert.StartsWith("/api/", request.Url.AbsolutePath, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Fetch_GoesOnWhereItStopped_WhenTheConnectionBreaks()
    {
        _hub.Drop = (100_000, 2);
        using var client = Client();

        var snapshot = await client.FetchAsync(_pictures, OnlyLarge, null, Cancellation);

        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(snapshot.Folder, Large), Cancellation));
        var ranges = _hub.Requests.Where(request => request.Url.Port == _hub.Storage.Port && request.Url.AbsolutePath.EndsWith(Large, StringComparison.Ordinal)).Select(request => request.Range).ToList();
        Assert.Equal(3, ranges.Count);
        Assert.Equal("", ranges[0]);
        Assert.All(ranges[1..], range => Assert.Matches("^bytes=[1-9][0-9]*-$", range));
    }

    [Fact]
    public async Task Fetch_GoesOnWhereAnotherProcessStopped()
    {
        _hub.Drop = (100_000, 1);
        using (var first = Client(attempts: 1))
            await Assert.ThrowsAsync<HubException>(() => first.FetchAsync(_pictures, OnlyLarge, null, Cancellation));
        var partial = new FileInfo(Directory.GetFiles(_folder.Path, "*.partial", SearchOption.AllDirectories).Single()).Length;
        Assert.InRange(partial, 1, 100_000);

        using var second = Client();
        var snapshot = await second.FetchAsync(_pictures, OnlyLarge, null, Cancellation);

        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(snapshot.Folder, Large), Cancellation));
        Assert.Equal($"bytes={partial}-", _hub.Requests.Last().Range);
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task Fetch_BeginsAnew_WhenWhatIsLeftDoesNotFitOrThePartCannotBeHad(bool knowsRanges)
    {
        _hub.KnowsRanges = knowsRanges;
        using var client = Client();
        var folder = Path.Combine(_folder.Path, "datasets--huggan--pictures", FakeHub.Commit, "data");
        Directory.CreateDirectory(folder);
        await File.WriteAllBytesAsync(Path.Combine(folder, "large.bin.partial"), new byte[1000], Cancellation);

        var snapshot = await client.FetchAsync(_pictures, OnlyLarge, null, Cancellation);

        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(snapshot.Folder, Large), Cancellation));
    }

    [Fact]
    public async Task Fetch_KeepsNothing_WhenTheHashIsWrong()
    {
        _hub.ListedSha256 = new string('a', 64);
        await AssertRefusesAsync("data/large.bin of the dataset huggan/pictures does not have the hash that the hub lists");
        Assert.Equal(0, new FileInfo(Directory.GetFiles(_folder.Path, "*", SearchOption.AllDirectories).Single()).Length);
    }

    [Fact]
    public async Task Fetch_Refuses_WhenMoreComesThanIsListed()
    {
        _hub.Surplus = 1;
        await AssertRefusesAsync("more bytes than the 300,000 that the hub lists");
    }

    [Fact]
    public async Task Fetch_ReadsAListOfSeveralPages()
    {
        _hub.PageSize = 1;
        using var client = Client();
        IReadOnlyList<HubFile> listed = [];
        await client.FetchAsync(_pictures, files => Chosen(listed = files), null, Cancellation);
        Assert.Equal([Small, Large, "data/other.bin"], listed.Select(file => file.Path));
        Assert.Equal([null, Convert.ToHexStringLower(SHA256.HashData(_large))], listed.Take(2).Select(file => file.Sha256));
    }

    [Fact]
    public async Task Fetch_TriesAgain_WhenTheHubIsBusy()
    {
        foreach (var status in new[] { 503, 429, 500 })
            _hub.Refusals.Enqueue((status, null));
        using var client = Client();
        Assert.NotNull(await client.FetchAsync(_pictures, Chosen, null, Cancellation));
    }

    [Theory]
    [InlineData(401, "RepoNotFound", "has no dataset huggan/pictures")]
    [InlineData(401, null, "it is private or gated")]
    [InlineData(403, "GatedRepo", "accepted its conditions")]
    [InlineData(404, "RevisionNotFound", "no revision 'main' of the dataset huggan/pictures")]
    [InlineData(404, null, "has no dataset huggan/pictures")]
    [InlineData(418, null, "answers 418")]
    public async Task Fetch_SaysWhy_WhenTheHubRefuses(int status, string? code, string message)
    {
        _hub.Refusals.Enqueue((status, code));
        await AssertRefusesAsync(message);
        Assert.Single(_hub.Requests);
    }

    [Fact]
    public async Task Fetch_SaysSo_WhenThereIsNoNetwork()
    {
        var url = _hub.Url;
        await _hub.DisposeAsync();
        using var client = new HubClient(new HubOptions { Cache = _folder.Path, BaseUrl = url, AllowedHosts = [url.Host], AllowPrivateAddresses = true, Attempts = 2, FirstPause = TimeSpan.FromMilliseconds(1) }, TimeProvider.System);
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(_pictures, Chosen, null, Cancellation));
        Assert.StartsWith($"The hub at {url.GetLeftPart(UriPartial.Authority)} cannot be reached: Connection refused", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fetch_GivesUp_WhenTheHubIsSilent()
    {
        _hub.Delay = TimeSpan.FromMinutes(1);
        using var client = Client(attempts: 2, timeout: TimeSpan.FromMilliseconds(100));
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(_pictures, Chosen, null, Cancellation));
        Assert.EndsWith("cannot be reached: it has been silent for 0.1 seconds.", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2, _hub.Requests.Count);
    }

    [Fact]
    public async Task Fetch_GivesUp_WhenAllTogetherTakesTooLong_AndKeepsWhatHasCome()
    {
        _hub.Pace = TimeSpan.FromMilliseconds(50); // never silent: the whole would take 15 seconds
        using (var hasty = Client(maxTime: TimeSpan.FromSeconds(3)))
        {
            var refusal = await Assert.ThrowsAsync<HubException>(() => hasty.FetchAsync(_pictures, OnlyLarge, null, Cancellation));
            Assert.Equal("The files of the dataset huggan/pictures have not come within 00:00:03 (Hub:MaxTime). What has come is kept; asking again goes on with it.", refusal.Message);
        }

        var partial = new FileInfo(Directory.GetFiles(_folder.Path, "*.partial", SearchOption.AllDirectories).Single()).Length;
        Assert.InRange(partial, 1, _large.Length - 1);
        _hub.Pace = null;
        using var client = Client();
        var snapshot = await client.FetchAsync(_pictures, OnlyLarge, null, Cancellation);
        Assert.Equal(_large, await File.ReadAllBytesAsync(Path.Combine(snapshot.Folder, Large), Cancellation));
        Assert.Equal($"bytes={partial}-", _hub.Requests.Last().Range);
    }

    [Fact]
    public async Task Fetch_Stops_WhenItIsCancelled()
    {
        _hub.Delay = TimeSpan.FromMinutes(1);
        using var client = Client();
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(100));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.FetchAsync(_pictures, Chosen, null, cancel.Token));
    }

    [Fact]
    public async Task Fetch_Refuses_WhatIsTooMuch()
    {
        using var client = Client(maxBytes: 300_000);
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(_pictures, Chosen, null, Cancellation));
        Assert.Contains("300,002 bytes together; at most 300,000", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("7"), InlineData("{}"), InlineData("""[{"type": "file"}]"""), InlineData("""[{"type": "file", "path": 7, "size": 1}]"""), InlineData("""[{"type": "file", "path": "a", "size": "1"}]""")]
    [InlineData("""[{"type": "file", "path": "a", "size": 1.5}]"""), InlineData("""[{"type": "file", "path": "a", "size": 1e99}]"""), InlineData("""[{"type": "file", "path": "a", "size": -1}]""")]
    [InlineData("""[{"type": "file", "path": "a", "size": 1, "lfs": 7}]"""), InlineData("""[{"type": "file", "path": "a", "size": 1, "lfs": {"oid": "../x"}}]""")]
    [InlineData("""[{"type": "file", "path": "a", "path": "b", "size": 1}]"""), InlineData("""[{"type": "file", "path": "\ud800", "size": 1}]""")]
    public async Task Fetch_Refuses_WhenTheListIsNotWhatTheHubGives(string listing)
    {
        _hub.Listing = listing;
        await AssertRefusesAsync("does not answer as the Hugging Face hub does");
    }

    [Fact]
    public async Task Fetch_Refuses_WhenTheListOfFoldersHasNoEnd()
    {
        _hub.Listing = $"[{string.Join(',', Enumerable.Repeat("{\"type\":\"directory\",\"path\":\"a\"}", 50_000))}]";
        await AssertRefusesAsync("lists more than 100,000 files");
        Assert.InRange(_hub.Requests.Count, 2, 10);
    }

    [Theory, InlineData("../up"), InlineData("/etc/passwd"), InlineData("a//b"), InlineData("c:/x"), InlineData("a\\b"), InlineData("x.partial")]
    public async Task Fetch_Refuses_WhenAFileWouldLieElsewhere(string path)
    {
        _hub.Add("datasets/huggan/pictures", path, [1]);
        await AssertRefusesAsync("which cannot be stored");
    }

    [Theory]
    [InlineData("no id at all", "main", "owner/name"), InlineData("a/b/c", "main", "owner/name"), InlineData("../b", "main", "owner/name"), InlineData("a..b", "main", "owner/name")]
    [InlineData("a/b", "", "no revision"), InlineData("a/b", "../../x", "no revision")]
    public async Task Fetch_Refuses_WhatIsNoRepository(string id, string revision, string message)
    {
        using var client = Client();
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(new HubRepository(true, id, revision), Chosen, null, Cancellation));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void Options_ComeFromTheEnvironmentOfTheHubsOwnTools()
    {
        var options = HubOptions.From(Settings(("HF_ENDPOINT", "https://mirror.example/hub"), ("HF_TOKEN", "t")), "cache");
        Assert.Equal(("https://mirror.example/hub/", "t"), (options.BaseUrl.AbsoluteUri, options.Token));
        Assert.Equal("https://other.example/", HubOptions.From(Settings(("HF_ENDPOINT", "https://mirror.example")), "cache", "https://other.example").BaseUrl.AbsoluteUri);
        Assert.Equal("https://huggingface.co/", HubOptions.From(Settings(), "cache").BaseUrl.AbsoluteUri);
        Assert.DoesNotContain("hf_secret", $"{HubOptions.From(Settings(("HF_TOKEN", "hf_secret")), "cache")}", StringComparison.Ordinal);
    }

    [Theory, InlineData("Hub:BaseUrl", "ftp://x"), InlineData("Hub:BaseUrl", "https://user:pass@x"), InlineData("Hub:Attempts", "0"), InlineData("Hub:Timeout", "soon"), InlineData("Hub:MaxBytes", "-1")]
    public void Options_NameTheSettingThatMakesNoSense(string key, string value) =>
        Assert.Contains(key, Assert.Throws<InvalidOperationException>(() => HubOptions.From(Settings((key, value)), "cache")).Message, StringComparison.Ordinal);

    private static IConfiguration Settings(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))).Build();

    private static List<HubFile> Chosen(IReadOnlyList<HubFile> files) => [.. files.Where(file => file.Path is Small or Large)];

    private static List<HubFile> OnlyLarge(IReadOnlyList<HubFile> files) => [.. files.Where(file => file.Path == Large)];

    private async Task AssertRefusesAsync(string message)
    {
        using var client = Client();
        var refusal = await Assert.ThrowsAsync<HubException>(() => client.FetchAsync(_pictures, OnlyLarge, null, Cancellation));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
    }

    private HubClient Client(string? token = null, int attempts = 5, TimeSpan? timeout = null, long maxBytes = 1 << 30, TimeSpan? maxTime = null) => new(
        new HubOptions
        {
            Cache = _folder.Path,
            BaseUrl = _hub.Url,
            AllowedHosts = [_hub.Url.Host],
            AllowPrivateAddresses = true,
            Token = token,
            Attempts = attempts,
            FirstPause = TimeSpan.FromMilliseconds(1),
            Timeout = timeout ?? TimeSpan.FromMinutes(1),
            MaxBytes = maxBytes,
            MaxTime = maxTime ?? TimeSpan.FromHours(1),
        },
        TimeProvider.System);

    private sealed class Reporter(Action<double> heard) : IProgress<double>
    {
        public void Report(double value) => heard(value);
    }
}
