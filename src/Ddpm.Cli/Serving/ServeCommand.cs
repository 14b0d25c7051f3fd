using System.CommandLine;
using Ddpm.Api;
using Ddpm.Engine;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Logging;
using Ddpm.Worker;

namespace Ddpm.Cli.Serving;

/// <summary><c>ddpm serve</c>: the REST API and a worker in one process, over SQLite, with nothing else installed.</summary>
internal static class ServeCommand
{
    private const string UsualUrl = "http://127.0.0.1:5080";

    public static Command Create()
    {
        var urls = new Option<string?>("--urls") { Description = $"Where to listen. {UsualUrl} if neither this nor ASPNETCORE_URLS says.", HelpName = "URL" };
        var data = new Option<string?>("--data") { Description = "Folder for the database, datasets, checkpoints and samples; 'data' if neither this nor Data__Root says.", HelpName = "FOLDER" };
        var database = new Option<string?>("--database") { Description = "A PostgreSQL connection string instead of a SQLite file below --data.", HelpName = "STRING" };
        var command = new Command("serve", "Runs the REST API, the web page and a worker in one process. Ctrl-C saves what is being trained; the next start goes on with it.")
        {
            urls, data, database,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed.GetValue(urls), parsed.GetValue(data), parsed.GetValue(database), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(string? asked, string? data, string? database, CancellationToken cancellationToken)
    {
        TorchRuntime.Initialize();
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        var urls = asked ?? builder.Configuration["urls"] ?? UsualUrl;
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Data:Root"] = data ?? builder.Configuration["Data:Root"],
            ["Database:Provider"] = database is null ? builder.Configuration["Database:Provider"] : "Postgres",
            ["Database:ConnectionString"] = database ?? builder.Configuration["Database:ConnectionString"],
        });
        builder.WebHost.UseUrls(urls.Split(';'));
        builder.Services.AddDdpmLogging(builder.Configuration);
        builder.Services.AddDdpmApi(builder.Configuration);
        builder.Services.AddDdpmWorker(builder.Configuration);

        await using var app = builder.Build();
        app.MapDdpmApi();
        if (!await app.TryStartAsync(cancellationToken))
            return 0;
        Console.WriteLine($"Ready: {app.Urls.First()}");
        await app.WaitForShutdownAsync(CancellationToken.None); // the host itself listens to Ctrl-C and SIGTERM
        return 0;
    }
}
