using Ddpm.Engine;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Logging;
using Ddpm.Jobs.Storage;
using Ddpm.Worker;

if (TorchRuntime.WhatIsMissing() is { } missing)
{
    Console.Error.WriteLine(missing);
    return 1;
}

var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
builder.WebHost.UseUrls(builder.Configuration["Worker:HealthUrl"] ?? "http://127.0.0.1:5081");
builder.Services.AddDdpmLogging(builder.Configuration);
builder.Services.AddDdpmWorker(builder.Configuration);

await using var app = builder.Build();
app.Use(app.Services.GetRequiredService<MetricsDoor>().PassAsync);
app.MapGet("/healthz/live", () => TypedResults.Text("live"));
app.MapGet("/healthz/ready", async (Readiness readiness, CancellationToken cancellationToken) =>
    await readiness.WhatIsMissingAsync(cancellationToken) is { } missing ? Results.Text(missing, statusCode: StatusCodes.Status503ServiceUnavailable) : Results.Text("ready"));
app.MapPrometheusScrapingEndpoint(MetricsDoor.Path);
await app.RunToTheEndAsync();
return 0;
