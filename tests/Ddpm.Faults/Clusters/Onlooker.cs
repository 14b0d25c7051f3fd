using System.Collections.Concurrent;
using System.Globalization;
using System.Net;

namespace Ddpm.Faults.Clusters;

/// <summary>Somebody who looks at lists all the time, whatever happens to the cluster, and wants an answer that says something.</summary>
internal sealed class Onlooker : IAsyncDisposable
{
    private static readonly string[] Paths = ["/samples?limit=5", "/training-runs?limit=5", "/system", "/models", "/healthz/live"];
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _looking;
    private readonly ConcurrentDictionary<string, int> _answers = new(StringComparer.Ordinal);

    public Onlooker(Uri address)
    {
        _http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(30) };
        _looking = LookAsync();
    }

    /// <summary>Answers that nobody should get.</summary>
    public ConcurrentQueue<string> Blunders { get; } = new();

    /// <summary>How often there was which answer.</summary>
    public string Summary => string.Join(", ", _answers.OrderBy(answer => answer.Key, StringComparer.Ordinal).Select(answer => string.Create(CultureInfo.InvariantCulture, $"{answer.Key} {answer.Value} times")));

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _looking;
        _http.Dispose();
        _stop.Dispose();
    }

    private async Task LookAsync()
    {
        for (var n = 0; !_stop.IsCancellationRequested; n++)
        {
            _answers.AddOrUpdate(await AskAsync(Paths[n % Paths.Length]), 1, (_, times) => times + 1);
            await Task.Delay(Pause, CancellationToken.None);
        }
    }

    private async Task<string> AskAsync(string path)
    {
        try
        {
            using var response = await _http.GetAsync(path, _stop.Token);
            var status = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
            if (response.StatusCode == HttpStatusCode.OK)
                return status;
            var body = await response.Content.ReadAsStringAsync();
            if (response.StatusCode != HttpStatusCode.ServiceUnavailable || response.Headers.RetryAfter is null || body.Contains("   at ", StringComparison.Ordinal))
                Blunders.Enqueue($"GET {path} gave {status} (Retry-After {response.Headers.RetryAfter}): {body}");
            return status;
        }
        catch (Exception silence) when (silence is HttpRequestException or OperationCanceledException or IOException)
        {
            return "nobody there"; // while the API is killed
        }
    }
}
