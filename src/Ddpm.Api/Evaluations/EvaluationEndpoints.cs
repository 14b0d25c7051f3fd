using Ddpm.Api.Admission;
using System.Net.ServerSentEvents;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Api.Samples;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Evaluations;

/// <summary>How good models are, in numbers.</summary>
internal static class EvaluationEndpoints
{
    public static void MapEvaluations(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/evaluations").WithTags("Evaluations");
        group.MapPost("/", CreateAsync).WithAdmission(JobKind.Evaluation).WithName("CreateEvaluation")
            .Describe(
                "Measure a model",
                "Bits per dimension on the dataset, FID and KID (given a feature network that the administrator has placed), sliced Wasserstein distance, and the "
                + "pictures of the dataset nearest to its samples. docs/evaluation.md says what each number means.")
            .WithJsonBody<CreateEvaluation>("""{"datasetId": "{datasetId}", "metrics": ["bits-per-dim", "swd", "nearest"], "images": 16, "steps": 10, "terms": 10}""")
            .WithProblems(400, 409, 413, 415, 422);
        group.MapGet("/", ListAsync).WithName("ListEvaluations")
            .Describe("List evaluations", "Newest first; terms and nearest pictures are left out.").WithProblems(400);
        group.MapGet("/{id:guid}", GetAsync).WithName("GetEvaluation")
            .Describe("Look at an evaluation", "Its status, and its numbers with their standard errors.").WithProblems(404);
        group.MapGet("/{id:guid}/samples.png", GetSamplesAsync).WithName("GetEvaluationSamples")
            .Describe("See its samples", "The first 64 as one grid.").WithPicture().WithProblems(404);
        group.MapGet("/{id:guid}/nearest.png", GetNearestAsync).WithName("GetEvaluationNearest")
            .Describe("See the nearest pictures", "A row for each of the samples nearest to the dataset: the sample, then what it resembles most. Copies come first.")
            .WithPicture().WithProblems(404);
        group.MapGet("/{id:guid}/events", GetEventsAsync).WithName("WatchEvaluation")
            .Describe("Watch an evaluation", "Server-sent events: `progress` every second and `ended`, the last.")
            .WithEvents().WithProblems(404);
        group.MapPost("/{id:guid}/cancel", CancelAsync).WithName("CancelEvaluation").Describe("Stop measuring", "Nothing is kept.").WithProblems(404, 409);
        group.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteEvaluation")
            .Describe("Delete an evaluation", "With its pictures. One that is running is stopped first.").WithProblems(404, 409);
    }

    /// <summary>Whether evaluations that have not ended, anybody's, need a checkpoint or a dataset.</summary>
    public static Task<bool> IsNeededAsync(Guid checkpointOrDataset, DdpmDbContext db, CancellationToken cancellationToken) => db.Evaluations.IgnoreQueryFilters().AnyAsync(
        evaluation => (evaluation.CheckpointId == checkpointOrDataset || evaluation.DatasetId == checkpointOrDataset)
            && (evaluation.Job!.Status == JobStatus.Queued || evaluation.Job.Status == JobStatus.Running), cancellationToken);

    private static async Task<Results<Ok<EvaluationView>, Accepted<EvaluationView>, ProblemHttpResult>> CreateAsync(
        JsonBody<CreateEvaluation> body, Caller caller, HttpContext context, IdempotencyKey key, Preference preference, DdpmDbContext db, JobOutbox outbox,
        JobControl control, IOptions<SamplesOptions> samples, IOptions<EvaluationsOptions> options, CancellationToken cancellationToken)
    {
        var id = await key.FindAsync(body.Sha256, db, cancellationToken) is { } earlier
            ? Guid.Parse(earlier)
            : await SaveAsync(body, caller, key, db, outbox, samples.Value, options.Value, cancellationToken);
        if (await FindAsync(id, db, cancellationToken) is not { } evaluation)
            return Problems.Gone("The evaluation that this Idempotency-Key made has been deleted.");

        var location = $"/evaluations/{id}";
        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(evaluation.JobId, context, db, cancellationToken);
        if (preference.Wait > TimeSpan.Zero && await FindAsync(id, db, cancellationToken) is { } now)
            evaluation = now;
        var view = new EvaluationView(evaluation, await control.PositionAsync(evaluation.Job!, cancellationToken));
        return ended ? TypedResults.Ok(view) : TypedResults.Accepted(location, view);
    }

    private static async Task<Guid> SaveAsync(
        JsonBody<CreateEvaluation> body, Caller caller, IdempotencyKey key, DdpmDbContext db, JobOutbox outbox, SamplesOptions samples, EvaluationsOptions options,
        CancellationToken cancellationToken)
    {
        var request = body.Value;
        var dataset = await db.Datasets.AsNoTracking().Include(row => row.Job)
            .SingleOrDefaultAsync(row => row.Id == request.DatasetId && row.DeletedAt == null, cancellationToken);
        var faults = new Faults();
        EvaluationRules.Check(request, dataset, faults);
        faults.ThrowIfAny();
        RequireBuilt(dataset!);
        var source = await SampleSource.FindAsync(request.Samples(), samples, db, cancellationToken);
        var spec = EvaluationRules.SpecFor(request, source.Checkpoint, dataset!);
        var cost = new EvaluationCost(spec, source.Checkpoint, dataset!);
        cost.Check(options.MaxOperations);

        var job = caller.NewJob(JobKind.Evaluation);
        job.Operations = cost.Operations;
        var evaluation = new Evaluation
        {
            Id = Guid.CreateVersion7(),
            JobId = job.Id,
            Job = job,
            ModelName = source.ModelName,
            CheckpointId = source.Checkpoint.Id,
            DatasetId = dataset!.Id,
            Spec = spec,
        };
        db.Evaluations.Add(evaluation);
        if (await key.SaveAsync(body.Sha256, $"/evaluations/{evaluation.Id}", db, cancellationToken) is { } earlier)
            return Guid.Parse(earlier);
        await outbox.AddAsync(job);
        return evaluation.Id;
    }

    private static void RequireBuilt(Dataset dataset)
    {
        if (dataset.Job!.Status != JobStatus.Succeeded)
            throw new RequestProblem(Problems.Conflict($"The dataset is not built: it is {dataset.Job.Status.ToString().ToLowerInvariant()}. See GET /datasets/{dataset.Id}.").ProblemDetails);
    }

    private static async Task<Ok<Page<EvaluationView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var after = page.After;
        var rows = await Rows(db).Where(evaluation => after == null || evaluation.Id < after)
            .OrderByDescending(evaluation => evaluation.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, evaluation => new EvaluationView(evaluation).Short(), evaluation => evaluation.Id.ToString()));
    }

    private static async Task<Results<Ok<EvaluationView>, ProblemHttpResult>> GetAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is { } evaluation
            ? TypedResults.Ok(new EvaluationView(evaluation, await control.PositionAsync(evaluation.Job!, cancellationToken)))
            : Problems.NotFound("evaluation", id);

    private static Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetSamplesAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        GetPictureAsync(id, "samples.png", _ => true, context, db, artifacts, cancellationToken);

    private static Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetNearestAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        GetPictureAsync(id, "nearest.png", results => results.Memorisation is not null, context, db, artifacts, cancellationToken);

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetPictureAsync(
        Guid id, string file, Predicate<EvaluationResults> isThere, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("evaluation", id),
            { ArtifactKey: { } folder, Results: { } results } when isThere(results) => Pictures.Finished(context, artifacts, $"{folder}/{file}"),
            var evaluation => NoPicture(evaluation),
        };

    private static ProblemHttpResult NoPicture(Evaluation evaluation) => evaluation.Job!.Status switch
    {
        JobStatus.Succeeded => Problems.NotFound("There is no such picture: the metrics that were asked for draw none."),
        JobStatus.Failed => Problems.NotFound($"There is no picture: the evaluation failed. {evaluation.Job.Error}"),
        JobStatus.Cancelled => Problems.NotFound("There is no picture: the evaluation was cancelled."),
        var status => Problems.NotFound($"There is no picture yet ({status.ToString().ToLowerInvariant()}, {evaluation.Job.Progress:P0})."),
    };

    private static async Task<IResult> GetEventsAsync(Guid id, DdpmDbContext db, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is null)
            return Problems.NotFound("evaluation", id);
        return EventStreams.Of(LookAsync, lifetime);

        async Task<(IReadOnlyList<SseItem<object>> Events, bool Last)> LookAsync(CancellationToken stopped)
        {
            if (await FindAsync(id, db, stopped) is not { } evaluation)
                return ([], true);
            var view = new EvaluationView(evaluation);
            return evaluation.Job!.HasEnded ? ([new(view, "progress"), new(view, "ended")], true) : ([new(view, "progress")], false);
        }
    }

    private static async Task<Results<Ok<EvaluationView>, ProblemHttpResult>> CancelAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } evaluation)
            return Problems.NotFound("evaluation", id);
        if (await JobEndings.CancelAsync(evaluation.Job!, control, db, cancellationToken) is { } refused)
            return refused;
        return TypedResults.Ok(new EvaluationView(await FindAsync(id, db, cancellationToken) ?? evaluation));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } evaluation)
            return Problems.NotFound("evaluation", id);
        if (await JobEndings.StopAsync(evaluation.Job!, context, control, db, cancellationToken) is { } busy)
            return busy;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            await db.Evaluations.Where(row => row.Id == id).ExecuteDeleteAsync(cancellationToken);
            await db.Jobs.Where(job => job.Id == evaluation.JobId).ExecuteDeleteAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        artifacts.Delete($"evaluations/{id}");
        return TypedResults.NoContent();
    }

    private static IQueryable<Evaluation> Rows(DdpmDbContext db) => db.Evaluations.AsNoTracking().Include(evaluation => evaluation.Job);

    private static Task<Evaluation?> FindAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        Rows(db).SingleOrDefaultAsync(evaluation => evaluation.Id == id, cancellationToken);
}
