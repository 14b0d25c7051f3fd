using System.IO.Compression;
using System.Net;
using System.Text.Json.Nodes;
using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary>A running server's models, over REST.</summary>
internal sealed class ModelServer
{
    /// <summary>Environment variable with the key that the server asks for; not an option, since command lines are seen by all who share the machine.</summary>
    public const string KeyVariable = "DDPM_API_KEY";

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
        if (Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } key && !client.DefaultRequestHeaders.TryAddWithoutValidation("X-Api-Key", key.Trim()))
            throw new UserErrorException($"{KeyVariable} holds what cannot be a key.");
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
        return response.IsSuccessStatusCode ? body : throw new UserErrorException(response.StatusCode == HttpStatusCode.Unauthorized
            ? $"The server asks for a key: set {KeyVariable} to one that it accepts."
            : $"The server refuses it: {body["detail"] ?? body["title"]}");
    }

    private UserErrorException NoModel() => new($"--server is '{_models.GetLeftPart(UriPartial.Authority)}', which does not answer as Ddpm does.");
}
