using System.IO.Compression;
using System.Text.Json.Nodes;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary>A running server's models, over REST.</summary>
internal sealed class ModelServer
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly Uri _models;

    /// <exception cref="UserErrorException">It is no address of a server.</exception>
    public ModelServer(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new UserErrorException($"--server is '{url}'; an address such as http://127.0.0.1:5080 is accepted.");
        _models = new Uri(address, "/models");
    }

    /// <summary>Uploads a model and waits until a worker has taken it in.</summary>
    /// <returns>Its address.</returns>
    /// <exception cref="UserErrorException">The server cannot be reached, or refuses it.</exception>
    public string Register(DiffusersFolder model, string name, CancellationToken cancellationToken)
    {
        try
        {
            return RegisterAsync(model, name, cancellationToken).GetAwaiter().GetResult();
        }
        catch (HttpRequestException exception)
        {
            throw new UserErrorException($"--server {_models.GetLeftPart(UriPartial.Authority)}: {exception.Message}");
        }
    }

    private async Task<string> RegisterAsync(DiffusersFolder model, string name, CancellationToken cancellationToken)
    {
        using var temporary = new TemporaryFolder();
        await ZipFile.CreateFromDirectoryAsync(model.Location, temporary.Below("model.zip"), CompressionLevel.NoCompression, includeBaseDirectory: false, cancellationToken);
        using var client = new HttpClient { Timeout = Timeout.InfiniteTimeSpan };
        await using var file = File.OpenRead(temporary.Below("model.zip"));
        using var form = new MultipartFormDataContent { { new StringContent(name), "name" }, { new StreamContent(file), "file", "model.zip" } };
        using var response = await client.PostAsync(_models, form, cancellationToken);
        var view = await ReadAsync(response, cancellationToken);
        var address = new Uri(_models, (string?)view["links"]?["self"] ?? throw NoModel());
        while ((string?)view["status"] is "queued" or "running")
        {
            await Task.Delay(Pause, cancellationToken);
            using var poll = await client.GetAsync(address, cancellationToken);
            view = await ReadAsync(poll, cancellationToken);
        }

        return (string?)view["status"] == "succeeded" ? address.ToString() : throw new UserErrorException($"The server could not take it in: {view["error"]}");
    }

    private async Task<JsonObject> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType is not { MediaType: "application/json" or "application/problem+json" })
            throw NoModel();
        var body = await response.Content.ReadFromJsonAsync<JsonObject>(cancellationToken) ?? throw NoModel();
        return response.IsSuccessStatusCode ? body : throw new UserErrorException($"The server refuses it: {body["detail"] ?? body["title"]}");
    }

    private UserErrorException NoModel() => new($"--server is '{_models.GetLeftPart(UriPartial.Authority)}', which does not answer as Ddpm does.");
}
