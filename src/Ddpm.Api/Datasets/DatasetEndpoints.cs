using Ddpm.Api.Admission;
using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Datasets;

/// <summary>Pictures to train on.</summary>
internal static class DatasetEndpoints
{
    public static void MapDatasets(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/datasets").WithTags("Datasets");
        group.MapPost("/", CreateAsync).WithAdmission(JobKind.Dataset).WithName("CreateDataset")
            .Describe(
                "Make a dataset",
                "From an uploaded zip or tar (multipart/form-data, a part named `file`, streamed to disk), from a folder on the worker's machine, "
                + "from parquet files of a dataset on the Hugging Face hub, or from a built-in set. Sub-folders become classes; files that are no pictures are skipped and named.")
            .WithJsonBody<CreateDataset>("""{"name": "faces", "source": {"kind": "builtin", "name": "faces", "count": 256, "seed": 1}, "resolution": 32}""")
            .WithUpload<UploadDataset>("A zip or tar (also gzip-compressed) of PNG, JPEG, WebP, GIF or BMP pictures.")
            .WithProblems(400, 413, 415, 422);
        group.MapGet("/", ListAsync).WithName("ListDatasets").Describe("List datasets", "Newest first.").WithProblems(400);
        group.MapGet("/{id:guid}", GetAsync).WithName("GetDataset")
            .Describe("Look at a dataset", "Its status, how many pictures it has, which files were left out and why, and its classes.").WithProblems(404);
        group.MapGet("/{id:guid}/preview.png", GetPreviewAsync).WithName("GetDatasetPreview")
            .Describe("See a dataset", "A grid of its first pictures, as the network will see them.").WithPicture().WithProblems(404);
        group.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteDataset")
            .Describe("Delete a dataset", "With all its pictures. One that is being built is stopped first; one that a training run still needs stays.")
            .WithProblems(404, 409);
    }

    private static async Task<Results<Ok<DatasetView>, Accepted<DatasetView>, ProblemHttpResult>> CreateAsync(
        HttpContext context, Caller caller, IdempotencyKey key, Preference preference, DdpmDbContext db, ArtifactStore artifacts, JobOutbox outbox,
        JobControl control, IOptions<DatasetsOptions> options, IOptions<JsonOptions> json, CancellationToken cancellationToken)
    {
        var id = MultipartUpload.IsMultipart(context.Request)
            ? await UploadAsync(context.Request, caller, key, db, artifacts, outbox, options.Value, json.Value, cancellationToken)
            : await DescribeAsync(context, caller, key, db, outbox, options.Value, json.Value, cancellationToken);
        if (await FindAsync(id, db, cancellationToken) is not { } dataset)
            return Problems.Gone("The dataset that this Idempotency-Key made has been deleted.");

        var location = $"/datasets/{id}";
        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(dataset.JobId, context, db, cancellationToken);
        if (preference.Wait > TimeSpan.Zero && await FindAsync(id, db, cancellationToken) is { } now)
            dataset = now;
        var view = new DatasetView(dataset, await control.PositionAsync(dataset.Job!, cancellationToken));
        return ended ? TypedResults.Ok(view) : TypedResults.Accepted(location, view);
    }

    private static async Task<Guid> DescribeAsync(
        HttpContext context, Caller caller, IdempotencyKey key, DdpmDbContext db, JobOutbox outbox, DatasetsOptions options, JsonOptions json,
        CancellationToken cancellationToken)
    {
        var body = await JsonBody.ReadAsync<CreateDataset>(context.Request, json.SerializerOptions, "application/json", "multipart/form-data");
        if (await key.FindAsync(body.Sha256, db, cancellationToken) is { } earlier)
            return Guid.Parse(earlier);
        var source = DatasetRules.SourceOf(body.Value, options);
        if (source.Kind == DatasetSourceKind.Huggingface)
            HubSwitch.Require(context, "source.kind");
        var name = body.Value.Name ?? source.Name ?? source.Repository ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(source.Path!));
        var (id, _) = await SaveAsync(name, new DatasetSpec(source, body.Value), uploadKey: null, caller, key, body.Sha256, db, outbox);
        return id;
    }

    private static async Task<Guid> UploadAsync(
        HttpRequest request, Caller caller, IdempotencyKey key, DdpmDbContext db, ArtifactStore artifacts, JobOutbox outbox, DatasetsOptions options,
        JsonOptions json, CancellationToken cancellationToken)
    {
        using var upload = await MultipartUpload.ReceiveAsync(request, artifacts, options.MaxUploadBytes, cancellationToken);
        var fields = JsonBody.Parse<UploadDataset>(upload.FieldsAsJson<UploadDataset>(json.SerializerOptions), json.SerializerOptions);
        if (await key.FindAsync(upload.Sha256, db, cancellationToken) is { } earlier)
            return Guid.Parse(earlier);
        if (await ArchiveProbe.PicturesFaultAsync(upload.Path, cancellationToken) is { } fault)
            throw new RequestProblem(StatusCodes.Status400BadRequest, "The upload cannot become a dataset", fault);

        var spec = new DatasetSpec(new() { Kind = DatasetSourceKind.Upload }, fields);
        return await upload.KeepIfSavedAsync(() => SaveAsync(fields.Name ?? upload.Title, spec, upload.Key, caller, key, upload.Sha256, db, outbox));
    }

    // Not to be cancelled: whether the row was saved decides whether its upload stays.
    private static async Task<(Guid Id, bool IsNew)> SaveAsync(
        string name, DatasetSpec spec, string? uploadKey, Caller caller, IdempotencyKey key, string bodySha256, DdpmDbContext db, JobOutbox outbox)
    {
        var job = caller.NewJob(JobKind.Dataset);
        var dataset = new Dataset { Id = Guid.CreateVersion7(), JobId = job.Id, Job = job, Name = name, Spec = spec, UploadKey = uploadKey };
        db.Datasets.Add(dataset);
        if (await key.SaveAsync(bodySha256, $"/datasets/{dataset.Id}", db, CancellationToken.None) is { } earlier)
            return (Guid.Parse(earlier), false);
        await outbox.AddAsync(job);
        return (dataset.Id, true);
    }

    private static async Task<Ok<Page<DatasetView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var after = page.After;
        var rows = await Visible(db).Where(dataset => after == null || dataset.Id < after)
            .OrderByDescending(dataset => dataset.Id).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, dataset => new DatasetView(dataset), dataset => dataset.Id.ToString()));
    }

    private static async Task<Results<Ok<DatasetView>, ProblemHttpResult>> GetAsync(
        Guid id, DdpmDbContext db, JobControl control, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is { } dataset
            ? TypedResults.Ok(new DatasetView(dataset, await control.PositionAsync(dataset.Job!, cancellationToken)))
            : Problems.NotFound("dataset", id);

    private static async Task<Results<FileStreamHttpResult, ProblemHttpResult>> GetPreviewAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) switch
        {
            null => Problems.NotFound("dataset", id),
            { PreviewKey: { } picture } => Pictures.Finished(context, artifacts, picture),
            { Job: var job } => Problems.NotFound($"There is no preview: the dataset is {job!.Status.ToString().ToLowerInvariant()}."),
        };

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } dataset)
            return Problems.NotFound("dataset", id);
        var runs = await db.TrainingRuns.IgnoreQueryFilters().AsNoTracking().Include(run => run.Job).Where(run => run.DatasetId == id).ToListAsync(cancellationToken);
        db.RequireOwn(dataset.Job!.Account);
        if (runs.FirstOrDefault(run => !run.Job!.HasEnded) is { } active)
            return Problems.Conflict($"The training run {active.Id} still learns from it. Cancel that run, or wait until it has ended.");
        if (await EvaluationEndpoints.IsNeededAsync(id, db, cancellationToken))
            return Problems.Conflict("Evaluations that have not ended measure against it. Cancel them, or wait until they have ended.");
        if (await JobEndings.StopAsync(dataset.Job!, context, control, db, cancellationToken) is { } busy)
            return busy;

        if (runs.Count > 0)
        {
            await db.Datasets.Where(row => row.Id == id).ExecuteUpdateAsync(
                row => row.SetProperty(d => d.DeletedAt, DateTime.UtcNow)
                    .SetProperty(d => d.CacheKey, (string?)null)
                    .SetProperty(d => d.PreviewKey, (string?)null)
                    .SetProperty(d => d.UploadKey, (string?)null),
                cancellationToken);
        }
        else
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            await db.Datasets.Where(row => row.Id == id).ExecuteDeleteAsync(cancellationToken);
            await db.Jobs.Where(job => job.Id == dataset.JobId).ExecuteDeleteAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        artifacts.Delete($"datasets/{id}");
        if (dataset.UploadKey is { } upload)
            artifacts.Delete(upload);
        return TypedResults.NoContent();
    }

    private static IQueryable<Dataset> Visible(DdpmDbContext db) =>
        db.Datasets.AsNoTracking().Include(dataset => dataset.Job).Where(dataset => dataset.DeletedAt == null);

    private static Task<Dataset?> FindAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        Visible(db).SingleOrDefaultAsync(dataset => dataset.Id == id, cancellationToken);
}
