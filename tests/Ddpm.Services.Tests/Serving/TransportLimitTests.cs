using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Ddpm.Services.Tests.Running;

namespace Ddpm.Services.Tests.Serving;

/// <summary>How large and how slow requests may be, over real connections: docs/keys.md, Limits.</summary>
[Trait("Category", "services")]
public sealed class TransportLimitTests(LoneApi api) : IClassFixture<LoneApi>, IAsyncDisposable
{
    private const string Post = "POST /samples HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    private const string Get = "GET /healthz/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"; // two headers

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>After each test the server still answers.</summary>
    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
            TestContext.Current.TestOutputHelper?.WriteLine(api.Describe());
        Assert.Equal(200, await AskAsync($"{Get}\r\n"));
    }

    [Theory, InlineData(64, 200), InlineData(65, 431)]
    public async Task Headers_AreSixtyFourAtMost(int count, int status)
    {
        var more = string.Concat(Enumerable.Range(0, count - 2).Select(n => $"X-{n}: a\r\n"));
        Assert.Equal(status, await AskAsync($"{Get}{more}\r\n"));
    }

    [Theory, InlineData(15, 200), InlineData(17, 431)]
    public async Task Headers_HaveSixteenKibibytesAtMost(int kibibytes, int status) =>
        Assert.Equal(status, await AskAsync($"{Get}X-Long: {new string('a', kibibytes << 10)}\r\n\r\n"));

    [Fact]
    public async Task Body_IsRefusedBeforeItIsSent_WhenTooMuchIsAnnounced() =>
        Assert.Equal(413, await AskAsync($"{Post}Content-Length: {9 << 20}\r\n\r\n"));

    [Fact]
    public async Task WhoSendsTooSlowly_IsGivenUp_AndWhoDoesNot_IsAnswered()
    {
        var body = $"{Post}Content-Length: 65538\r\n\r\n[]";
        var headers = DripAsync($"{Get}X-Endless: ", "a", int.MaxValue);
        var trickle = DripAsync(body, " ", int.MaxValue);
        var slow = DripAsync(body, new string(' ', 250), int.MaxValue); // half of what is asked for, and twice the server's own default
        var steady = DripAsync(body, new string(' ', 2048), 32); // 4 KiB a second, for longer than any grace

        await Task.WhenAll(headers, trickle, slow, steady);
        TestContext.Current.TestOutputHelper?.WriteLine($"Headers: {await headers}; a byte at a time: {await trickle}; 500 bytes a second: {await slow}");
        foreach (var (name, drip, from) in new[] { ("headers", headers, 12), ("a byte at a time", trickle, 8), ("500 bytes a second", slow, 8) })
        {
            var (status, time) = await drip;
            Assert.True(status is 0 or 408, $"{name}: {status}");
            Assert.InRange(time, TimeSpan.FromSeconds(from), TimeSpan.FromSeconds(25));
        }

        Assert.Equal(400, (await steady).Status); // a list is no request
    }

    private async Task<int> AskAsync(string request) => (await DripAsync(request, "", 0)).Status;

    /// <summary>Sends a beginning, then a piece each half second until the pieces are sent, or the server answers or closes the connection.</summary>
    /// <returns>The status of the answer, 0 where there was none, and how long it took.</returns>
    private async Task<(int Status, TimeSpan Time)> DripAsync(string begin, string piece, int pieces)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(api.Address.Host, api.Address.Port, Cancel);
        var (stream, clock) = (client.GetStream(), Stopwatch.StartNew());
        var answer = StatusAsync(stream);
        try
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(begin), Cancel);
            for (; pieces > 0 && clock.Elapsed < Limit && await Task.WhenAny(answer, Task.Delay(Pause, Cancel)) != answer; pieces--)
                await stream.WriteAsync(Encoding.ASCII.GetBytes(piece), Cancel);
        }
        catch (IOException)
        {
            // The server has closed the connection; it may have answered before.
        }

        return (await answer.WaitAsync(Limit, Cancel), clock.Elapsed);
    }

    private static async Task<int> StatusAsync(NetworkStream stream)
    {
        const int LineLength = 12; // HTTP/1.1 200
        var line = new byte[LineLength];
        try
        {
            var read = await stream.ReadAtLeastAsync(line, LineLength, throwOnEndOfStream: false, Cancel);
            return read < LineLength ? 0 : int.Parse(Encoding.ASCII.GetString(line)[^3..], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
