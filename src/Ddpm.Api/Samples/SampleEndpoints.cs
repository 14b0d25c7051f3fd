using Ddpm.Api.Admission;
using System.Net.ServerSentEvents;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace Ddpm.Api.Samples;

/// <summary>Pictures drawn by trained networks.</summary>
internal static class SampleEndpoints
{
    public static void MapSamples(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/samples").WithTags("Samples");
        group.MapPost("/", CreateAsync).WithAdmission(JobKind.Sampling).WithName("CreateSamples")
            .Describe(
                "Draw pictures",
                "Without a body: sixteen pictures of the default model. With `Prefer: wait=60` and `Accept: image/png` the answer is the grid itself, "
                + "if it is drawn in time. The same request with the same seed gives the same bytes. With `guide` the pictures are drawn after a picture (SDEdit), with part of "
                + "one painted anew (RePaint), or on the way from one to another.")
            .WithJsonBody<CreateSamples>("""{"count": 16, "seed": 1, "sampler": "ddim", "steps": 20}""")
            .Produces(200, contentType: Pictures.Png)
            .WithProblems(400, 409, 413, 415, 422);
        group.MapGet("/", ListAsync).WithName("ListSamples").Describe("List sample requests", "Newest first.").WithProblems(400);
        group.MapGet("/{id:guid}", GetAsync).WithName("GetSamples")
            .Describe("Look at a sample request", "Its status, and where its pictures are.").WithProblems(404);
        group.MapGet("/{id:guid}/grid.png", GetGridAsync).WithName("GetSamplesGrid")
            .Describe("See all pictures", "As one grid.").WithPicture().WithProblems(404);
        group.MapGet("/{id:guid}/images/{n:int}.png", GetImageAsync).WithName("GetSamplesImage")
            .Describe("See one picture", "The n-th of the request, from 0.").WithPicture().WithProblems(404);
        group.MapGet("/{id:guid}/trajectory.webp", GetTrajectoryAsync).WithName("GetSamplesTrajectory")
            .Describe("See how the pictures came about", "What the network took them to be, step by step: an animated WebP of grids, where the request said `trajectory: true`.")
            .WithPicture(Pictures.WebP).WithProblems(404);
        group.MapGet("/{id:guid}/events", GetEventsAsync).WithName("WatchSamples")
            .Describe("Watch a sample request", "Server-sent events: `progress` every second and `ended`, the last.")
            .WithEvents().WithProblems(404);
        group.MapPost("/{id:guid}/cancel", CancelAsync).WithName("CancelSamples").Describe("Stop drawing", "Nothing is kept.").WithProblems(404, 409);
        group.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteSamples")
            .Describe("Delete a sample request", "With its pictures. One that is being drawn is stopped first.").WithProblems(404, 409);
    }

    private static async Task<Results<Ok<SampleView>, Accepted<SampleView>, FileStreamHttpResult, ProblemHttpResult>> CreateAsync(
        JsonBody<CreateSamples> body, Caller caller, HttpContext context, IdempotencyKey key, Preference preference, DdpmDbContext db, ArtifactStore artifacts,
        JobOutbox outbox, JobControl control, IOptions<SamplesOptions> options, TimeProvider clock,
        CancellationToken cancellationToken)
    {
        var (id, made) = await key.FindAsync(body.Sha256, db, cancellationToken) is { } earlier
            ? (Guid.Parse(earlier), null)
            : await SaveAsync(body, caller, key, db, artifacts, outbox, options.Value, clock, cancellationToken);
        if ((made ?? await FindAsync(id, db, cancellationToken)) is not { } batch)
            return Problems.Gone("The samples that this Idempotency-Key made have been deleted.");

        var location = $"/samples/{id}";
        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(batch.JobId, context, db, cancellationToken);
        if (preference.Wait > TimeSpan.Zero && await FindAsync(id, db, cancellationToken) is { } now)
            batch = now;
        if (ended && WantsPicture(context.Request))
            return Picture(batch, context, artifacts);
        var view = new SampleView(batch, await control.PositionAsync(batch.Job!, cancellationToken));
        return ended ? TypedResults.Ok(view) : TypedResults.Accepted(location, view);
    }

    private static async Task<(Guid Id, SampleBatch? Made)> SaveAsync(
        JsonBody<CreateSamples> body, Caller caller, IdempotencyKey key, DdpmDbContext db, ArtifactStore artifacts, JobOutbox outbox, SamplesOptions options,
        TimeProvider clock, CancellationToken cancellationToken)
    {
        var faults = new Faults();
        SampleRules.Check(body.Value, faults);
        GuideRules.Check(body.Value, faults);
        faults.ThrowIfAny();
        var source = await SampleSource.FindAsync(body.Value, options, db, cancellationToken);
        var spec = SampleRules.SpecFor(body.Value, source.Checkpoint);
        await PrecisionRules.CheckAsync(spec, db, clock, cancellationToken);

        var operations = SamplingCost.Of(spec, source.Checkpoint);
        SamplingCost.Check(operations, spec, options.MaxOperations);

        var job = caller.NewJob(JobKind.Sampling);
        job.Operations = operations;
        var batch = new SampleBatch
        {
            Id = Guid.CreateVersion7(),
            JobId = job.Id,
            Job = job,
            ModelName = source.ModelName,
            CheckpointId = source.Checkpoint.Id,
            Spec = spec,
        };
        // Before the row: whoever finds the row finds them. Without one they are swept away a day later.
        foreach (var (name, content) in GuideRules.FilesOf(body.Value))
            await artifacts.WriteAsync(GuideFiles.KeyOf(batch.Id, name), content, cancellationToken);
        db.SampleBatches.Add(batch);
        if (await key.SaveAsync(body.Sha256, $"/samples/{batch.Id}", db, cancellationToken) is { } earlier)
        {
            artifacts.Delete($"samples/{batch.Id}");
            return (Guid.Parse(earlier), null);
        }

        await outbox.AddAsync(job);
        return (batch.Id, batch);
    }

    private static Results<Ok<SampleView>, Accepted<SampleView>, FileStreamHttpResult, ProblemHttpResult> Picture(
        SampleBatch batch, HttpContext context, ArtifactStore artifacts)
    {
        if (batch.ArtifactKey is not { } folder)
            return batch.Job!.Status == JobStatus.Failed
                ? Problems.Of(StatusCodes.Status422UnprocessableEntity, "The pictures could not be drawn", batch.Job.Error ?? "See the server's log.")
                : Problems.Conflict("The samples were cancelled before they were drawn.");
        return Pictures.Finished(context, artifacts, $"{folder}/grid.png").Result switch
        {
            FileStreamHttpResult file => file,
            var problem => (ProblemHttpResult)problem,
        };
    }

    private static bool WantsPicture(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList([.. request.Headers.Accept.OfType<string>()], out var accepted)
        && accepted.OrderByDescending(type => type.Quality ?? 1)
            .Select(type => type.MediaType.ToString())
            .FirstOrDefault(type => type is Pictures.Png or "image/*" or "application/json" or "*/*") is Pictures.Png or "image/*";

    private static async Task<Ok<Page<SampleView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var after = page.After;
        var rows = await Rows(db).Where(batch => after == null || batch.Id < after)
            .OrderByDescending(batch => batch.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, batch => new SampleView(batch), batch => batch.Id.ToString()));
    }

    private static async Task<Results<Ok<SampleView>, ProblemHttpResult>> GetAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is { } batch
            ? TypedResults.Ok(new SampleView(batch, await control.PositionAsync(batch.Job!, cancellationToken)))
            : Problems.NotFound("sample request", id);

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetGridAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("sample request", id),
            { ArtifactKey: { } folder } => Pictures.Finished(context, artifacts, $"{folder}/grid.png"),
            var batch => NotDrawn(batch),
        };

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetImageAsync(
        Guid id, int n, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("sample request", id),
            { Spec.Count: var count } when n < 0 || n >= count => Problems.NotFound($"The request has the pictures 0 to {count - 1}."),
            { ArtifactKey: { } folder } => Pictures.Finished(context, artifacts, $"{folder}/images/{n}.png"),
            var batch => NotDrawn(batch),
        };

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetTrajectoryAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("sample request", id),
            { Spec.Trajectory: false } => Problems.NotFound("The request has no trajectory: it did not say \"trajectory\": true."),
            { ArtifactKey: { } folder } => Pictures.Finished(context, artifacts, $"{folder}/trajectory.webp"),
            var batch => NotDrawn(batch),
        };

    private static ProblemHttpResult NotDrawn(SampleBatch batch) => batch.Job!.Status switch
    {
        JobStatus.Failed => Problems.NotFound($"There are no pictures: drawing them failed. {batch.Job.Error}"),
        JobStatus.Cancelled => Problems.NotFound("There are no pictures: the request was cancelled."),
        var status => Problems.NotFound($"The pictures are not drawn yet ({status.ToString().ToLowerInvariant()}, {batch.Job.Progress:P0})."),
    };

    private static async Task<IResult> GetEventsAsync(Guid id, DdpmDbContext db, IHostApplicationLifetime lifetime, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is null)
            return Problems.NotFound("sample request", id);
        return EventStreams.Of(LookAsync, lifetime);

        async Task<(IReadOnlyList<SseItem<object>> Events, bool Last)> LookAsync(CancellationToken stopped)
        {
            if (await FindAsync(id, db, stopped) is not { } batch)
                return ([], true);
            var view = new SampleView(batch);
            return batch.Job!.HasEnded ? ([new(view, "progress"), new(view, "ended")], true) : ([new(view, "progress")], false);
        }
    }

    private static async Task<Results<Ok<SampleView>, ProblemHttpResult>> CancelAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } batch)
            return Problems.NotFound("sample request", id);
        if (await JobEndings.CancelAsync(batch.Job!, control, db, cancellationToken) is { } refused)
            return refused;
        return TypedResults.Ok(new SampleView(await FindAsync(id, db, cancellationToken) ?? batch));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } batch)
            return Problems.NotFound("sample request", id);
        if (await JobEndings.StopAsync(batch.Job!, context, control, db, cancellationToken) is { } busy)
            return busy;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            await db.SampleBatches.Where(row => row.Id == id).ExecuteDeleteAsync(cancellationToken);
            await db.Jobs.Where(job => job.Id == batch.JobId).ExecuteDeleteAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        artifacts.Delete($"samples/{id}");
        return TypedResults.NoContent();
    }

    private static IQueryable<SampleBatch> Rows(DdpmDbContext db) => db.SampleBatches.AsNoTracking().Include(batch => batch.Job);

    private static Task<SampleBatch?> FindAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        Rows(db).SingleOrDefaultAsync(batch => batch.Id == id, cancellationToken);
}
