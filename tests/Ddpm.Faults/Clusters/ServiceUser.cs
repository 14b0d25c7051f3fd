using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Ddpm.Faults.Clusters;

/// <summary>Somebody who uses the service as its documentation tells: sends what was not answered again, under the same <c>Idempotency-Key</c>.</summary>
internal sealed class ServiceUser(Uri address) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(20) };

    /// <summary>Answers that nobody should ever get: a 500, a stack trace, or a 503 that does not say when to try again.</summary>
    public ConcurrentQueue<string> Blunders { get; } = new();

    /// <summary>Where the service is.</summary>
    public Uri Address => address;

    /// <summary>Asks until there is an answer.</summary>
    public Task<JsonNode> GetAsync(string path) => UntilAnsweredAsync(HttpMethod.Get, path, () => null, key: null);

    /// <summary>Sends a request until it is answered.</summary>
    public Task<JsonNode> PostAsync(string path, string json) =>
        UntilAnsweredAsync(HttpMethod.Post, path, () => new StringContent(json, Encoding.UTF8, "application/json"), Guid.NewGuid().ToString());

    /// <summary>Asks that something be cancelled until that is answered.</summary>
    /// <returns>False where it had ended before.</returns>
    public async Task<bool> CancelAsync(string path)
    {
        var until = DateTime.UtcNow + Patience;
        while (DateTime.UtcNow < until)
        {
            try
            {
                using var response = await _http.PostAsync(path + "/cancel", content: null);
                Note(HttpMethod.Post, path + "/cancel", response, await response.Content.ReadAsStringAsync());
                if (response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.Conflict)
                    return response.IsSuccessStatusCode;
            }
            catch (Exception silence) when (silence is HttpRequestException or TaskCanceledException or IOException)
            {
                // The API is being killed or started.
            }

            await Task.Delay(Pause);
        }

        throw new TimeoutException($"The cancelling of {path} was not answered within {Patience}.");
    }

    /// <summary>The time of day that the API believes it is; null where it does not answer.</summary>
    public async Task<DateTimeOffset?> TimeOfAnswersAsync()
    {
        try
        {
            using var response = await _http.GetAsync("/healthz/live");
            return response.Headers.Date;
        }
        catch (Exception silence) when (silence is HttpRequestException or TaskCanceledException or IOException)
        {
            return null;
        }
    }

    /// <summary>Uploads a file until the upload is answered.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="zip">The file.</param>
    /// <param name="field">The form's other field.</param>
    public Task<JsonNode> UploadAsync(string path, byte[] zip, (string Name, string Value) field) => UntilAnsweredAsync(
        HttpMethod.Post,
        path,
        () => new MultipartFormDataContent
        {
            { new StringContent(field.Value), field.Name },
            { new ByteArrayContent(zip) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } }, "file", "upload.zip" },
        },
        Guid.NewGuid().ToString());

    /// <summary>Fetches a file.</summary>
    public Task<byte[]> DownloadAsync(string path) => _http.GetByteArrayAsync(path);

    /// <summary>One try.</summary>
    /// <returns>Its status; null where nobody answered.</returns>
    public async Task<HttpStatusCode?> TryGetAsync(string path)
    {
        try
        {
            using var response = await _http.GetAsync(path);
            Note(HttpMethod.Get, path, response, "");
            return response.StatusCode;
        }
        catch (Exception silence) when (silence is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Asks a resource again and again until it has ended.</summary>
    public async Task<JsonNode> UntilEndedAsync(string path, TimeSpan limit)
    {
        var until = DateTime.UtcNow + limit;
        while (true)
        {
            var view = await GetAsync(path);
            if ((string?)view["status"] is "succeeded" or "failed" or "cancelled")
                return view;
            if (DateTime.UtcNow > until)
                throw new TimeoutException($"{path} has not ended within {limit}: {view}");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Asks a resource until it has succeeded; nothing else is expected.</summary>
    public async Task<JsonNode> UntilSucceededAsync(string path, TimeSpan limit)
    {
        var view = await UntilEndedAsync(path, limit);
        Assert.True((string?)view["status"] == "succeeded", $"{path} was to succeed undisturbed: {view}");
        return view;
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonNode> UntilAnsweredAsync(HttpMethod method, string path, Func<HttpContent?> content, string? key)
    {
        var until = DateTime.UtcNow + Patience;
        var last = "nothing";
        while (DateTime.UtcNow < until)
        {
            try
            {
                using var request = new HttpRequestMessage(method, path) { Content = content() };
                if (key is not null)
                    request.Headers.Add("Idempotency-Key", key);
                using var response = await _http.SendAsync(request);
                var body = await response.Content.ReadAsStringAsync();
                Note(method, path, response, body);
                if (response.IsSuccessStatusCode)
                    return JsonNode.Parse(body)!;
                last = string.Create(CultureInfo.InvariantCulture, $"{(int)response.StatusCode} {body}");
                if ((int)response.StatusCode is not (429 or 503))
                    throw new InvalidOperationException($"{method} {path} gave {last}");
            }
            catch (Exception silence) when (silence is HttpRequestException or TaskCanceledException or IOException)
            {
                last = silence.Message;
            }

            await Task.Delay(Pause);
        }

        throw new TimeoutException($"{method} {path} was not answered within {Patience}; last: {last}");
    }

    private void Note(HttpMethod method, string path, HttpResponseMessage response, string body)
    {
        var status = response.StatusCode;
        var saysNotWhen = status == HttpStatusCode.ServiceUnavailable && response.Headers.RetryAfter is null && !path.StartsWith("/healthz", StringComparison.Ordinal);
        if (saysNotWhen || status == HttpStatusCode.InternalServerError || body.Contains("   at ", StringComparison.Ordinal))
            Blunders.Enqueue(string.Create(CultureInfo.InvariantCulture, $"{method} {path} gave {(int)status} (Retry-After {response.Headers.RetryAfter}): {body}"));
    }
}
