using Ddpm.Api.Checkpoints;
using Ddpm.Api.Datasets;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
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
            app.UseSerilogRequestLogging(RequestIds.Name);
        app.UseRequestIds();
        app.UseExceptionHandler();
        app.UseStatusCodePages(ProblemHandler.DescribeBareStatusAsync);
        app.UseSecurityHeaders();
        app.UseRequestTimeouts();
        app.UseAuthentication();
        app.UseRateLimiter();
        app.UseBrowserSafety();
        app.UseDdpmSwaggerPage();
        app.UseAuthorization();

        // Reading needs the role read, the rest submit. What is mapped outside this group and says nothing of roles is closed to all but admins.
        var api = app.MapGroup("").WithRolesByMethod();
        var resources = api.MapGroup("").WithDiskGate();
        resources.MapDatasets();
        resources.MapTrainingRuns();
        resources.MapCheckpoints();
        resources.MapModels();
        resources.MapSamples();
        resources.MapEvaluations();
        api.MapSystem();
        api.MapSession();
        app.MapHangfireDashboard("/hangfire", new()
        {
            Authorization = [], // the role says who may look
            IsReadOnlyFunc = _ => true,
            DashboardTitle = "Ddpm",
        }).RequireAuthorization(Roles.Admin);
        app.MapMetrics().RequireAuthorization(Roles.Admin);
        app.MapHealth();
        app.MapDdpmOpenApi();
        app.MapWebPage();
        return app;
    }
}
