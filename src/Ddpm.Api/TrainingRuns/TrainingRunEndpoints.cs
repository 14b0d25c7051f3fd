using Ddpm.Api.Admission;
using Ddpm.Api.Checkpoints;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Training;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.TrainingRuns;

/// <summary>Networks being trained.</summary>
internal static class TrainingRunEndpoints
{
    public static void MapTrainingRuns(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/training-runs").WithTags("Training runs");
        group.MapPost("/", CreateAsync).WithAdmission(JobKind.Training).WithName("CreateTrainingRun")
            .Describe(
                "Train a network",
                "Every field is optional but the dataset; the defaults are the article's: six levels of 128 to 512 channels, for pictures whose side is a "
                + "multiple of 32. The example is a small network that a CPU trains in minutes.")
            .WithJsonBody<CreateTrainingRun>("""
                {
                  "datasetId": "{datasetId}",
                  "name": "small",
                  "network": {"blockOutChannels": [32, 64], "layersPerBlock": 1, "normNumGroups": 8},
                  "training": {"epochs": 2, "batchSize": 16, "learningRate": 0.0002, "warmupSteps": 10}
                }
                """)
            .WithProblems(400, 409, 413, 415, 422);
        group.MapGet("/", ListAsync).WithName("ListTrainingRuns").Describe("List training runs", "Newest first.").WithProblems(400);
        group.MapGet("/{id:guid}", GetAsync).WithName("GetTrainingRun")
            .Describe("Look at a training run", "Status, step, loss, learning rate, speed, time left, and what was asked.").WithProblems(404);
        group.MapPost("/{id:guid}/cancel", CancelAsync).WithName("CancelTrainingRun")
            .Describe("Stop a training run", "It stops at the next step and saves a checkpoint, from which it can be resumed.").WithProblems(404, 409);
        group.MapPost("/{id:guid}/resume", ResumeAsync).WithAdmission(JobKind.Training).WithName("ResumeTrainingRun")
            .Describe(
                "Go on with a training run",
                "From its newest checkpoint, or from the start where there is none: to where it was going, or further with epochs or steps.")
            .WithJsonBody<ResumeTrainingRun>("""{"epochs": 200}""")
            .WithProblems(400, 404, 409, 413, 415, 422);
        group.MapGet("/{id:guid}/checkpoints", ListCheckpointsAsync).WithName("ListTrainingRunCheckpoints")
            .Describe("List a run's checkpoints", "Newest first.").WithProblems(400, 404);
        group.MapTrainingCurves();
    }

    public static async Task<(TrainingRun Run, long? LatestPreviewStep)?> FindAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var row = await Rows(db).SingleOrDefaultAsync(row => row.Run.Id == id, cancellationToken);
        return row is null ? null : (row.Run, row.LatestPreviewStep);
    }

    private static async Task<Results<Ok<TrainingRunView>, Accepted<TrainingRunView>, ProblemHttpResult>> CreateAsync(
        JsonBody<CreateTrainingRun> body, Caller caller, HttpContext context, IdempotencyKey key, Preference preference, DdpmDbContext db, JobOutbox outbox,
        JobControl control, IOptions<TrainingRunsOptions> options, CancellationToken cancellationToken)
    {
        if (await key.FindAsync(body.Sha256, db, cancellationToken) is { } earlier)
            return await AnswerAsync(Guid.Parse(earlier), context, preference, db, control, cancellationToken);

        var request = body.Value;
        var dataset = await db.Datasets.AsNoTracking().Include(row => row.Job)
            .SingleOrDefaultAsync(row => row.Id == request.DatasetId && row.DeletedAt == null, cancellationToken);
        var faults = new Faults();
        TrainingRules.Check(request, dataset, faults);
        faults.ThrowIfAny();
        if (dataset!.Job!.Status != JobStatus.Succeeded)
            return Problems.Conflict(NotReady(dataset));

        var spec = new TrainingSpec { Network = request.Network, Schedule = request.Schedule, Training = request.Training };
        var operations = TrainingCost.Check(spec, dataset, options.Value.MaxOperations);

        var job = caller.NewJob(JobKind.Training);
        job.Operations = operations;
        var run = new TrainingRun
        {
            Id = Guid.CreateVersion7(),
            JobId = job.Id,
            Job = job,
            DatasetId = dataset.Id,
            Name = request.Name ?? dataset.Name,
            Spec = spec,
        };
        db.TrainingRuns.Add(run);
        if (await key.SaveAsync(body.Sha256, $"/training-runs/{run.Id}", db, cancellationToken) is { } faster)
            return await AnswerAsync(Guid.Parse(faster), context, preference, db, control, cancellationToken);
        await outbox.AddAsync(job);
        return await AnswerAsync(run.Id, context, preference, db, control, cancellationToken);
    }

    private static string NotReady(Dataset dataset) => dataset.Job!.Status switch
    {
        JobStatus.Queued or JobStatus.Running =>
            $"The dataset is still being built ({dataset.Job.Status.ToString().ToLowerInvariant()}, {dataset.Job.Progress:P0}). "
            + $"Wait until GET /datasets/{dataset.Id} says succeeded, or make datasets with the header 'Prefer: wait=60'.",
        JobStatus.Failed => $"The dataset could not be built: {dataset.Job.Error} Make another.",
        _ => "The dataset was cancelled before it was built. Make another.",
    };

    private static async Task<Ok<Page<TrainingRunView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var after = page.After;
        var rows = await Rows(db).Where(row => after == null || row.Run.Id < after)
            .OrderByDescending(row => row.Run.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, row => new TrainingRunView(row.Run, row.LatestPreviewStep), row => row.Run.Id.ToString()));
    }

    private static async Task<Results<Ok<TrainingRunView>, ProblemHttpResult>> GetAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is var (run, preview)
            ? TypedResults.Ok(new TrainingRunView(run, preview, await control.PositionAsync(run.Job!, cancellationToken)))
            : Problems.NotFound("training run", id);

    private static async Task<Results<Ok<TrainingRunView>, Accepted<TrainingRunView>, ProblemHttpResult>> CancelAsync(
        Guid id, HttpContext context, Preference preference, DdpmDbContext db, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not var (run, _))
            return Problems.NotFound("training run", id);
        return await JobEndings.CancelAsync(run.Job!, control, db, cancellationToken) is { } refused
            ? refused
            : await AnswerAsync(id, context, preference, db, control, cancellationToken, endedIsOk: true);
    }

    private static async Task<Results<Ok<TrainingRunView>, Accepted<TrainingRunView>, ProblemHttpResult>> ResumeAsync(
        Guid id, JsonBody<ResumeTrainingRun> body, HttpContext context, IdempotencyKey key, Preference preference, DdpmDbContext db,
        JobOutbox outbox, JobControl control, IOptions<TrainingRunsOptions> options, CancellationToken cancellationToken)
    {
        // In this order: had the key been looked for first, its request might have resumed the run before that was looked at.
        if (await FindAsync(id, db, cancellationToken) is not var (run, _))
            return Problems.NotFound("training run", id);
        db.RequireOwn(run.Job!.Account);
        if (await key.FindAsync(body.Sha256, db, cancellationToken) is not null)
            return await AnswerAsync(id, context, preference, db, control, cancellationToken);
        if (!run.Job!.HasEnded)
            return Problems.Conflict($"The run has not ended: it is {run.Job.Status.ToString().ToLowerInvariant()}. Cancel it first, or wait.");
        if (await db.Datasets.AsNoTracking().SingleOrDefaultAsync(row => row.Id == run.DatasetId && row.DeletedAt == null, cancellationToken) is not { } dataset)
            return Problems.Conflict("Its dataset has been deleted, so it cannot go on. Its checkpoints can still be used.");
        var spec = ResumeRules.Extend(run, body.Value);
        var operations = TrainingCost.Check(spec, dataset, options.Value.MaxOperations, run);

        var job = Caller.Of(context).NewJob(JobKind.Training, run.Job.Account);
        job.Operations = operations;
        switch (await SaveResumptionAsync(run, spec, job, body.Sha256, key, db, cancellationToken))
        {
            case Resumption.OvertakenByAnother:
                return Problems.Conflict("Another request has just resumed this run.");
            case Resumption.Done:
                await outbox.AddAsync(job);
                break;
        }

        return await AnswerAsync(id, context, preference, db, control, cancellationToken);
    }

    // The transaction ends before the answer, which may wait a minute for the worker: on SQLite nobody else could write until then.
    private static async Task<Resumption> SaveResumptionAsync(
        TrainingRun run, TrainingSpec spec, Job job, string bodySha256, IdempotencyKey key, DdpmDbContext db, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        db.Jobs.Add(job);
        if (await key.SaveAsync(bodySha256, $"/training-runs/{run.Id}", db, cancellationToken) is not null)
            return Resumption.OvertakenByItself;

        // Of two requests to resume at once, one finds the run as it saw it.
        var taken = await db.TrainingRuns.Where(row => row.Id == run.Id && row.JobId == run.JobId).ExecuteUpdateAsync(
            row => row.SetProperty(r => r.JobId, job.Id).SetProperty(r => r.Spec, spec), cancellationToken);
        if (taken == 0)
            return Resumption.OvertakenByAnother;
        await transaction.CommitAsync(cancellationToken);
        return Resumption.Done;
    }

    private enum Resumption
    {
        Done,
        OvertakenByItself, // a request with the same key
        OvertakenByAnother,
    }

    private static async Task<Results<Ok<Page<CheckpointView>>, ProblemHttpResult>> ListCheckpointsAsync(
        Guid id, PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (!await db.TrainingRuns.AnyAsync(run => run.Id == id, cancellationToken))
            return Problems.NotFound("training run", id);
        var after = page.After;
        var rows = await db.Checkpoints.AsNoTracking().Where(row => row.TrainingRunId == id && (after == null || row.Id < after))
            .OrderByDescending(row => row.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        var names = await CheckpointEndpoints.NamesAsync(rows, db, cancellationToken);
        return TypedResults.Ok(page.Of(rows, row => new CheckpointView(row, [.. names[row.Id]]), row => row.Id.ToString()));
    }

    private static async Task<Results<Ok<TrainingRunView>, Accepted<TrainingRunView>, ProblemHttpResult>> AnswerAsync(
        Guid id, HttpContext context, Preference preference, DdpmDbContext db, JobControl control, CancellationToken cancellationToken,
        bool endedIsOk = false)
    {
        if (await FindAsync(id, db, cancellationToken) is not var (run, preview))
            return Problems.Gone("The training run that this Idempotency-Key made has been deleted.");
        var location = $"/training-runs/{id}";
        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(run.JobId, context, db, cancellationToken);
        if (preference.Wait > TimeSpan.Zero && await FindAsync(id, db, cancellationToken) is { } now)
            (run, preview) = now;
        var view = new TrainingRunView(run, preview, await control.PositionAsync(run.Job!, cancellationToken));
        return ended || (endedIsOk && run.Job!.HasEnded) ? TypedResults.Ok(view) : TypedResults.Accepted(location, view);
    }

    private static IQueryable<RunRow> Rows(DdpmDbContext db) => db.TrainingRuns.AsNoTracking().Include(run => run.Job).Select(run => new RunRow
    {
        Run = run,
        LatestPreviewStep = db.TrainingPreviews.Where(preview => preview.TrainingRunId == run.Id).Max(preview => (long?)preview.Step),
    });

    private sealed class RunRow
    {
        public required TrainingRun Run { get; init; }

        public long? LatestPreviewStep { get; init; }
    }
}
