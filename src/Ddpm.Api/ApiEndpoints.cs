using Ddpm.Api.Checkpoints;
using Ddpm.Api.Datasets;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Models;
using Ddpm.Api.OpenApi;
using Ddpm.Api.Operations;
using Ddpm.Api.Samples;
using Ddpm.Api.Storage;
using Ddpm.Api.TrainingRuns;
using Ddpm.Api.WebPage;
using Hangfire;
using Serilog;
using Serilog.Extensions.Hosting;

namespace Ddpm.Api;

/// <summary>The API as a part that any host can map.</summary>
public static class ApiEndpoints
{
    /// <summary>Maps REST, Swagger, health, the Hangfire dashboard and the web page. Needs <see cref="ApiServiceCollectionExtensions.AddDdpmApi"/>.</summary>
    public static WebApplication MapDdpmApi(this WebApplication app)
    {
        if (app.Services.GetService<DiagnosticContext>() is not null)
            app.UseSerilogRequestLogging();
        app.UseExceptionHandler();
        app.UseStatusCodePages(ProblemHandler.DescribeBareStatusAsync);
        app.UseBrowserSafety();
        app.UseHangfireDashboard("/hangfire", new()
        {
            Authorization = [new LoopbackOnly()],
            IsReadOnlyFunc = _ => true,
            DashboardTitle = "Ddpm",
        });

        var resources = app.MapGroup("").WithDiskGate();
        resources.MapDatasets();
        resources.MapTrainingRuns();
        resources.MapCheckpoints();
        resources.MapModels();
        resources.MapSamples();
        resources.MapEvaluations();
        app.MapSystem();
        app.MapHealth();
        app.MapDdpmOpenApi();
        app.MapWebPage();
        return app;
    }
}
