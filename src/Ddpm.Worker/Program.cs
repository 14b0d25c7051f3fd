using System.Globalization;
using Ddpm.Engine;
using Ddpm.Jobs.Storage;
using Ddpm.Worker;
using Serilog;
using Serilog.Events;

if (TorchRuntime.WhatIsMissing() is { } missing)
{
    Console.Error.WriteLine(missing);
    return 1;
}

var builder = WebApplication.CreateBuilder(args);
builder.WebHost.UseUrls(builder.Configuration["Worker:HealthUrl"] ?? "http://127.0.0.1:5081");
builder.Services.AddSerilog(log => log
    .MinimumLevel.Information()
    .MinimumLevel.Override("Hangfire", LogEventLevel.Warning)
    .MinimumLevel.Override("Microsoft", LogEventLevel.Warning) // or every SQL statement of every step would be told
    .MinimumLevel.Override("Microsoft.Hosting.Lifetime", LogEventLevel.Information)
    .WriteTo.Console(formatProvider: CultureInfo.InvariantCulture)
    .ReadFrom.Configuration(builder.Configuration));
builder.Services.AddDdpmWorker(builder.Configuration);

var app = builder.Build();
app.MapGet("/healthz/live", () => TypedResults.Text("live"));
app.MapGet("/healthz/ready", async (DdpmDbContext db, CancellationToken cancellationToken) =>
    await db.Database.CanConnectAsync(cancellationToken) ? Results.Text("ready") : Results.StatusCode(StatusCodes.Status503ServiceUnavailable));
await app.RunAsync();
return 0;
