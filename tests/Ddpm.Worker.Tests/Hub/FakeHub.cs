using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Ddpm.Worker.Tests.Hub;

/// <summary>A server that answers as the Hugging Face hub does: list and revision of repositories, files by way of a redirect to another address,
/// in parts where they are asked for in parts. It can be told to misbehave.</summary>
internal sealed class FakeHub : IAsyncDisposable
{
    public const string Commit = "0123456789abcdef0123456789abcdef01234567";

    private const int Piece = 1000;

    private readonly WebApplication _app;
    private readonly Dictionary<string, Dictionary<string, byte[]>> _repositories = [];
    private int _drops;

    private FakeHub(WebApplication app) => _app = app;

    /// <summary>The hub's address.</summary>
    public Uri Url { get; private set; } = null!;

    /// <summary>Where it redirects downloads to.</summary>
    public Uri Storage { get; private set; } = null!;

    /// <summary>All requests: address, range, authorization.</summary>
    public ConcurrentQueue<(Uri Url, string Range, string Authorization)> Requests { get; } = [];

    /// <summary>Entries of a page of the list.</summary>
    public int PageSize { get; set; } = 1000;

    /// <summary>Bytes after which the next downloads break off, and how many do.</summary>
    public (int Bytes, int Times) Drop { get; set; }

    /// <summary>Status codes that the next requests get instead of an answer.</summary>
    public ConcurrentQueue<(int Status, string? Code)> Refusals { get; } = [];

    /// <summary>Whether it sends parts of files.</summary>
    public bool KnowsRanges { get; set; } = true;

    /// <summary>What every file is listed with, whatever it holds.</summary>
    public string? ListedSha256 { get; set; }

    /// <summary>What it answers instead of a list; null for the list. Each such answer names a next page.</summary>
    public string? Listing { get; set; }

    /// <summary>Bytes that are appended to every file that is sent.</summary>
    public int Surplus { get; set; }

    /// <summary>How long every answer takes.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How long it pauses after each thousand bytes of a file; null for a file in one piece.</summary>
    public TimeSpan? Pace { get; set; }

    public static async Task<FakeHub> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0);
        });
        builder.Logging.ClearProviders();
        var hub = new FakeHub(builder.Build());
        hub._app.Run(hub.AnswerAsync);
        await hub._app.StartAsync(TestContext.Current.CancellationToken);
        (hub.Url, hub.Storage) = (new Uri(hub._app.Urls.First()), new Uri(hub._app.Urls.Last()));
        return hub;
    }

    /// <param name="repository">Such as <c>datasets/huggan/anime-faces</c> or <c>models/google/ddpm-cifar10-32</c>.</param>
    /// <param name="path">Of the file in it.</param>
    /// <param name="content">Of the file. From 1000 bytes on it is a large file, with a SHA-256 in the list.</param>
    public void Add(string repository, string path, byte[] content)
    {
        if (!_repositories.TryGetValue(repository, out var files))
            _repositories.Add(repository, files = []);
        files[path] = content;
    }

    /// <summary>Every file below a folder.</summary>
    public void AddFolder(string repository, string folder)
    {
        foreach (var file in Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
            Add(repository, Path.GetRelativePath(folder, file).Replace('\\', '/'), File.ReadAllBytes(file));
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        Requests.Enqueue((new Uri($"http://{request.Host}{request.Path}{request.QueryString}"), request.Headers.Range.ToString(), request.Headers.Authorization.ToString()));
        await Task.Delay(Delay, context.RequestAborted);
        if (Refusals.TryDequeue(out var refusal))
            await RefuseAsync(context, refusal.Status, refusal.Code);
        else if (request.Host.Port == Storage.Port)
            await SendAsync(context, request.Path.Value!["/stored/".Length..]);
        else if (request.Path.StartsWithSegments("/api", StringComparison.Ordinal, out var asked))
            await DescribeAsync(context, asked.Value!.Split('/', StringSplitOptions.RemoveEmptyEntries));
        else
            Redirect(context, request.Path.Value!.Split("/resolve/"));
    }

    private async Task DescribeAsync(HttpContext context, string[] parts)
    {
        if (!_repositories.TryGetValue(string.Join('/', parts[..3]), out var files))
            await RefuseAsync(context, 404, "RepoNotFound");
        else if (parts[3] == "revision")
            await (Uri.UnescapeDataString(parts[4]) is "main" or Commit or "refs/convert/parquet"
                ? context.Response.WriteAsync(new JsonObject { ["id"] = parts[2], ["sha"] = Commit }.ToJsonString())
                : RefuseAsync(context, 404, "RevisionNotFound"));
        else
            await ListAsync(context, files);
    }

    private async Task ListAsync(HttpContext context, Dictionary<string, byte[]> files)
    {
        if (Listing is not null)
        {
            context.Response.Headers.Link = $"<{Url}{context.Request.Path.Value![1..]}?recursive=true>; rel=\"next\"";
            await context.Response.WriteAsync(Listing);
            return;
        }

        var from = int.Parse(context.Request.Query["cursor"].FirstOrDefault() ?? "0", CultureInfo.InvariantCulture);
        var folders = files.Keys.Select(Path.GetDirectoryName).Where(folder => folder!.Length > 0).Distinct().Select(folder => new JsonObject { ["type"] = "directory", ["path"] = folder, ["size"] = 0 });
        var entries = folders.Concat(files.Select(file => Entry(file.Key, file.Value))).ToList();
        if (from + PageSize < entries.Count)
            context.Response.Headers.Link = $"<{Url}{context.Request.Path.Value![1..]}?recursive=true&cursor={from + PageSize}>; rel=\"next\"";
        await context.Response.WriteAsync(new JsonArray([.. entries.Skip(from).Take(PageSize)]).ToJsonString());
    }

    private JsonObject Entry(string path, byte[] content)
    {
#pragma warning disable CA5350 // Git's ids are SHA-1.
        var blob = Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob {content.Length}\0"), .. content]));
#pragma warning restore CA5350
        var entry = new JsonObject { ["type"] = "file", ["path"] = path, ["size"] = content.Length, ["oid"] = blob };
        if (content.Length >= 1000)
            entry["lfs"] = new JsonObject { ["oid"] = ListedSha256 ?? Convert.ToHexStringLower(SHA256.HashData(content)), ["size"] = content.Length };
        return entry;
    }

    private void Redirect(HttpContext context, string[] parts)
    {
        var repository = parts[0].TrimStart('/');
        var place = $"{(repository.StartsWith("datasets/", StringComparison.Ordinal) ? "" : "models/")}{repository}/{parts[1][(Commit.Length + 1)..]}";
        context.Response.Redirect($"{Storage}stored/{place}?signature=secret");
    }

    private async Task SendAsync(HttpContext context, string place)
    {
        var parts = place.Split('/');
        if (!_repositories.TryGetValue(string.Join('/', parts[..3]), out var files) || !files.TryGetValue(string.Join('/', parts[3..]), out var content))
        {
            await RefuseAsync(context, 404, "EntryNotFound");
            return;
        }

        var first = 0;
        if (KnowsRanges && context.Request.GetTypedHeaders().Range?.Ranges.Single().From is { } from)
        {
            first = (int)from;
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {first}-{content.Length - 1}/{content.Length}";
        }

        context.Response.ContentLength = content.Length - first + Surplus;
        if (_drops < Drop.Times)
        {
            _drops++;
            await context.Response.Body.WriteAsync(content.AsMemory(first, Math.Min(Drop.Bytes, content.Length - first)), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(TimeSpan.FromMilliseconds(100), context.RequestAborted); // or the reset overtakes the bytes
            context.Abort();
            return;
        }

        for (; Pace is { } pace && content.Length - first > Piece; first += Piece)
        {
            await context.Response.Body.WriteAsync(content.AsMemory(first, Piece), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.Delay(pace, context.RequestAborted);
        }

        await context.Response.Body.WriteAsync(content.AsMemory(first), context.RequestAborted);
        await context.Response.Body.WriteAsync(new byte[Surplus], context.RequestAborted);
    }

    private static Task RefuseAsync(HttpContext context, int status, string? code)
    {
        context.Response.StatusCode = status;
        if (code is not null)
            context.Response.Headers["X-Error-Code"] = code;
        return Task.CompletedTask;
    }
}
