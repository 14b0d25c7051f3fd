using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Tests;

/// <summary>The real program over a real SQLite file in a folder of its own, or another database, without a worker: tests write what a worker would.</summary>
public sealed class ApiHost : WebApplicationFactory<Program>
{
    public const long MaxUploadBytes = 300_000;

    public string Root { get; } = Directory.CreateTempSubdirectory("ddpm-api-").FullName;

    /// <summary>Connection string of a PostgreSQL database to use instead of a file.</summary>
    public string? Postgres { get; init; }

    public string Allowed => Path.Combine(Root, "pictures");

    public ArtifactStore Artifacts => Services.GetRequiredService<ArtifactStore>();

    public HttpClient Client => field ??= CreateClient(new() { BaseAddress = new("http://localhost"), HandleCookies = false });

    public DdpmDbContext Database() => Services.GetRequiredService<IDbContextFactory<DdpmDbContext>>().CreateDbContext();

    public async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, string? json = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
    }

    /// <summary>Makes a key and returns the header that shows it. From then on nobody is let in without one, at the latest two seconds after the last request.</summary>
    public async Task<(string Name, string Value)> KeyAsync(string account, ApiRole role, TimeSpan? lifetime = null) =>
        ("X-Api-Key", (await Services.GetRequiredService<ApiKeyStore>().AddAsync(account, role, lifetime, TestContext.Current.CancellationToken)).Key);

    public Task<HttpResponseMessage> PostAsync(string path, string? json = null, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, json, headers);

    public Task<HttpResponseMessage> GetAsync(string path, params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Get, path, null, headers);

    public async Task<JsonNode> GetJsonAsync(string path)
    {
        using var response = await GetAsync(path);
        return await JsonAsync(response, 200);
    }

    public static async Task<JsonNode> JsonAsync(HttpResponseMessage response, int status)
    {
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True((int)response.StatusCode == status, $"{(int)response.StatusCode}: {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>The problem details of an answer, after checking that they are some and give nothing away.</summary>
    public static async Task<JsonNode> ProblemAsync(HttpResponseMessage response, int status)
    {
        var problem = await JsonAsync(response, status);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal(status, (int?)problem["status"]);
        Assert.False(string.IsNullOrEmpty((string?)problem["title"]));
        Assert.DoesNotContain("   at ", problem.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain("System.", problem.ToJsonString(), StringComparison.Ordinal);
        return problem;
    }

    public static MultipartFormDataContent Form(byte[] file, string fileName = "pictures.zip", params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent();
        foreach (var (name, value) in fields)
            form.Add(new StringContent(value), name);
        form.Add(new ByteArrayContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } }, "file", fileName);
        return form;
    }

    public IEnumerable<string> FilesUnder(string folder)
    {
        var path = Path.Combine(Root, "data", "artifacts", folder);
        return Directory.Exists(path) ? Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories) : [];
    }

    /// <summary>Another server on the same files, with other settings.</summary>
    public WebApplicationFactory<Program> With(params (string Name, string Value)[] settings) => WithWebHostBuilder(builder =>
    {
        foreach (var (name, value) in settings)
            builder.UseSetting(name, value);
    });

    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        Directory.CreateDirectory(Allowed);
        builder.UseEnvironment("Development");
        builder.ConfigureServices(services => services.AddSingleton<IStartupFilter>(new SentFrom(IPAddress.Loopback)));
        builder.UseSetting("Data:Root", Path.Combine(Root, "data"));
        builder.UseSetting("Datasets:MaxUploadBytes", $"{MaxUploadBytes}");
        builder.UseSetting("Datasets:AllowedRoots:0", Allowed);
        builder.UseSetting("Hub:Enabled", "true");
        if (Postgres is not null)
        {
            builder.UseSetting("Database:Provider", "Postgres");
            builder.UseSetting("Database:ConnectionString", Postgres);
        }

        foreach (var logger in new[] { "Default", "Override:Microsoft", "Override:Microsoft.Hosting.Lifetime", "Override:Hangfire" })
            builder.UseSetting($"Serilog:MinimumLevel:{logger}", "Fatal");
    }

    // The test server gives requests no addresses, and who has none is not known to be local.
    private sealed class SentFrom(IPAddress address) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, following) =>
            {
                (context.Connection.LocalIpAddress, context.Connection.RemoteIpAddress) = (address, address);
                return following(context);
            });
            next(app);
        };
    }

    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing && Directory.Exists(Root))
            Directory.Delete(Root, recursive: true);
    }
}
