using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

namespace Ddpm.Services.Tests.Running;

/// <summary>Somebody who uses the service, and knows nothing of it but its address.</summary>
internal sealed class DdpmClient(Uri address) : IDisposable
{
    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromMinutes(3) };

    public Task<Answer> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    public Task<Answer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null, []);

    public Task<Answer> PostAsync(string path, string json, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, new StringContent(json, Encoding.UTF8, "application/json"), headers);

    public Task<Answer> PutAsync(string path, string json) =>
        SendAsync(HttpMethod.Put, path, new StringContent(json, Encoding.UTF8, "application/json"), []);

    public Task<Answer> UploadAsync(string path, byte[] file, (string Name, string Value)[] fields, params (string Name, string Value)[] headers)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, value) in fields)
            form.Add(new StringContent(value), name);
        form.Add(new ByteArrayContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } }, "file", "pictures.zip");
        return SendAsync(HttpMethod.Post, path, form, headers);
    }

    /// <summary>Sends the same request several times at once.</summary>
    public static Task<Answer[]> AtOnceAsync(int times, Func<Task<Answer>> request) =>
        Task.WhenAll(Enumerable.Range(0, times).Select(_ => Task.Run(request)));

    public void Dispose() => _http.Dispose();

    private async Task<Answer> SendAsync(HttpMethod method, string path, HttpContent? content, (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        return new Answer(
            string.Create(CultureInfo.InvariantCulture, $"{method} {path}"),
            (int)response.StatusCode,
            response.Content.Headers.ContentType?.MediaType,
            await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }
}

/// <summary>What the service answered.</summary>
internal sealed record Answer(string Request, int Status, string? ContentType, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>The JSON of an answer that must have one of these statuses.</summary>
    public JsonNode Json(params int[] statuses)
    {
        RequireStatus(statuses);
        return JsonNode.Parse(Body)!;
    }

    /// <summary>The bytes of a picture, archive or text of this type.</summary>
    public byte[] Content(string contentType)
    {
        RequireStatus(200);
        Assert.Equal(contentType, ContentType);
        return Body;
    }

    public void RequireStatus(params int[] statuses) => Assert.True(
        statuses.Contains(Status), $"{Request} was to give {string.Join(" or ", statuses)} and gave {Status}: {Text[..Math.Min(Text.Length, 2000)]}");
}
