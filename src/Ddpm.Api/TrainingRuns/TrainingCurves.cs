using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text;
using Ddpm.Api.Checkpoints;
using Ddpm.Api.Http;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.TrainingRuns;

/// <summary>What can be watched of a training run: numbers, pictures, events.</summary>
internal static class TrainingCurves
{
    private const int DefaultPoints = 10_000;
    private const int MaxPoints = 1_000_000;
    private const string Csv = "text/csv";

    public static void MapTrainingCurves(this IEndpointRouteBuilder group)
    {
        group.MapGet("/{id:guid}/metrics", GetMetricsAsync).WithName("GetTrainingRunMetrics")
            .Describe(
                "Get a run's curves",
                "Loss, learning rate, gradient norm, speed, steps left out, distance of the average and memory, oldest first. As CSV with `Accept: text/csv` or `format=csv`.")
            .WithQuery("afterStep", "Only points after this step.", "integer", 0)
            .WithQuery("limit", $"At most so many points, from 1 to {MaxPoints}; default {DefaultPoints}.", "integer", 1000)
            .WithQuery("format", "json or csv; without it, what the Accept header prefers.", "string", "json")
            .Produces<IReadOnlyList<MetricView>>(200, "application/json", Csv)
            .WithProblems(400, 404).DisableRequestTimeout();
        group.MapGet("/{id:guid}/events", GetEventsAsync).WithName("WatchTrainingRun")
            .Describe(
                "Watch a run",
                "Server-sent events: `progress` (every second), `preview` and `checkpoint` (the newest at once, then each new one), and `ended`, the last.")
            .WithEvents().WithProblems(404);
        group.MapGet("/{id:guid}/previews", ListPreviewsAsync).WithName("ListTrainingRunPreviews")
            .Describe("List a run's preview grids", "Newest first.").WithProblems(400, 404);
        group.MapGet("/{id:guid}/previews/{step:long}.png", GetPreviewAsync).WithName("GetTrainingRunPreview")
            .Describe("See a preview grid", "Samples drawn after a step of the training.").WithPicture().WithProblems(404);
        group.MapGet("/{id:guid}/loss.png", GetLossCurveAsync).WithName("GetTrainingRunLossCurve")
            .Describe("See the loss curve", "As a picture, drawn anew as the run goes on.").WithPicture().WithProblems(404);
    }

    private static async Task<IResult> GetMetricsAsync(Guid id, HttpContext context, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var faults = new Faults();
        var after = PageQuery.QueryNumber(context.Request, "afterStep", 0, long.MaxValue, faults) ?? 0;
        var limit = PageQuery.QueryNumber(context.Request, "limit", 1, MaxPoints, faults) ?? DefaultPoints;
        var format = context.Request.Query["format"].FirstOrDefault();
        if (format is not (null or "json" or "csv"))
            faults.Add("format", $"must be json or csv; it is {format}");
        faults.ThrowIfAny();
        if (!await db.TrainingRuns.AnyAsync(run => run.Id == id, cancellationToken))
            return Problems.NotFound("training run", id);

        var points = db.TrainingMetrics.AsNoTracking().Where(metric => metric.TrainingRunId == id && metric.Step > after)
            .OrderBy(metric => metric.Step).Take((int)limit).AsAsyncEnumerable();
        return format == "csv" || (format is null && context.Request.Headers.Accept.ToString().Contains(Csv, StringComparison.OrdinalIgnoreCase))
            ? TypedResults.Stream(stream => WriteCsvAsync(points, stream, cancellationToken), "text/csv; charset=utf-8", $"{id}.csv")
            : TypedResults.Ok(points.Select(metric => new MetricView(metric)));
    }

    private static async Task WriteCsvAsync(IAsyncEnumerable<TrainingMetric> points, Stream stream, CancellationToken cancellationToken)
    {
        await using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { NewLine = "\n" };
        await writer.WriteLineAsync("step,epoch,loss,learningRate,gradNorm,imagesPerSecond,at,skippedSteps,emaDistance,memoryBytes");
        await foreach (var p in points.WithCancellation(cancellationToken))
            await writer.WriteLineAsync(string.Create(
                CultureInfo.InvariantCulture, $"{p.Step},{p.Epoch},{p.Loss},{p.LearningRate},{p.GradNorm},{p.ImagesPerSecond},{p.At:O},{p.SkippedSteps},{p.EmaDistance},{p.MemoryBytes}"));
    }

    private static async Task<Results<Ok<Page<PreviewView>>, ProblemHttpResult>> ListPreviewsAsync(
        Guid id, PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var before = long.MaxValue;
        if (page.Cursor is { } cursor && !long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out before))
            throw PageQuery.BadCursor();
        if (!await db.TrainingRuns.AnyAsync(run => run.Id == id, cancellationToken))
            return Problems.NotFound("training run", id);
        var rows = await db.TrainingPreviews.AsNoTracking().Where(preview => preview.TrainingRunId == id && preview.Step < before)
            .OrderByDescending(preview => preview.Step).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, row => new PreviewView(row), row => row.Step.ToString(CultureInfo.InvariantCulture)));
    }

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetPreviewAsync(
        Guid id, long step, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken)
    {
        var key = await db.TrainingPreviews.Where(preview => preview.TrainingRunId == id && preview.Step == step)
            .Select(preview => preview.ArtifactKey).SingleOrDefaultAsync(cancellationToken);
        return key is null
            ? Problems.NotFound($"The training run {id} has no preview of step {step}; GET /training-runs/{id}/previews lists those there are.")
            : Pictures.Latest(context, artifacts, key);
    }

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetLossCurveAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await TrainingRunEndpoints.FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("training run", id),
            { Run.LossCurveKey: { } key } => Pictures.Latest(context, artifacts, key),
            _ => Problems.NotFound("There is no loss curve yet; it is drawn once training has begun."),
        };

    private static async Task<IResult> GetEventsAsync(
        Guid id, DdpmDbContext db, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        if (await TrainingRunEndpoints.FindAsync(id, db, cancellationToken) is null)
            return Problems.NotFound("training run", id);
        return EventStreams.Of(new TrainingRunWatch(id, db).LookAsync, lifetime);
    }

    /// <summary>What one client has been told about a run.</summary>
    private sealed class TrainingRunWatch(Guid id, DdpmDbContext db)
    {
        private long? _preview;
        private Guid? _checkpoint;

        public async Task<(IReadOnlyList<SseItem<object>> Events, bool Last)> LookAsync(CancellationToken cancellationToken)
        {
            if (await TrainingRunEndpoints.FindAsync(id, db, cancellationToken) is not var (run, preview))
                return ([], true);

            var events = new List<SseItem<object>>();
            var view = new TrainingRunView(run, preview);
            events.Add(new(view, "progress"));

            // The first look tells the newest only; the list has the others.
            var previews = db.TrainingPreviews.AsNoTracking().Where(row => row.TrainingRunId == id);
            previews = _preview is null ? previews.OrderByDescending(row => row.Step).Take(1) : previews.Where(row => row.Step > _preview).OrderBy(row => row.Step);
            _preview ??= -1;
            foreach (var row in await previews.ToListAsync(cancellationToken))
            {
                events.Add(new(new PreviewView(row), "preview"));
                _preview = row.Step;
            }

            var checkpoints = db.Checkpoints.AsNoTracking().Where(row => row.TrainingRunId == id);
            checkpoints = _checkpoint is null
                ? checkpoints.OrderByDescending(row => row.Id).Take(1)
                : checkpoints.Where(row => row.Id > _checkpoint).OrderBy(row => row.Id);
            _checkpoint ??= Guid.Empty;
            foreach (var row in await checkpoints.ToListAsync(cancellationToken))
            {
                events.Add(new(new CheckpointView(row, []), "checkpoint"));
                _checkpoint = row.Id;
            }

            if (run.Job!.HasEnded)
                events.Add(new(view, "ended"));
            return (events, run.Job.HasEnded);
        }
    }
}
