using Ddpm.Api.Admission;
using System.Text.RegularExpressions;
using Ddpm.Api.Checkpoints;
using Ddpm.Api.Datasets;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Models;

/// <summary>Names for checkpoints.</summary>
internal static partial class ModelEndpoints
{
    private const int PutAttempts = 3;

    public static void MapModels(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/models").WithTags("Models");
        group.MapGet("/", ListAsync).WithName("ListModels").Describe("List models", "In the order of their names.").WithProblems(400);
        group.MapGet("/{name}", GetAsync).WithName("GetModel").Describe("Look at a model", "With the checkpoint it names.").WithProblems(404);
        group.MapPost("/", CreateAsync).WithAdmission(JobKind.ModelImport).WithName("CreateModel")
            .Describe(
                "Make a model",
                "A name for a checkpoint (JSON with `checkpointId`), or a diffusers folder that a worker checks and takes in: of a repository of the Hugging Face hub "
                + "(JSON with `hub`), or an uploaded zip (multipart/form-data, a part named `file`). Weights are safetensors, whole, in several files or in half precision.")
            .WithJsonBody<CreateModel>("""{"name": "my-model", "checkpointId": "{checkpointId}", "description": "Trained on cartoon faces."}""")
            .WithUpload<ImportModel>("A zip of a diffusers folder with a UNet2DModel.")
            .WithProblems(400, 409, 413, 415, 422);
        group.MapPut("/{name}", PutAsync).WithName("PutModel")
            .Describe("Point a name to a checkpoint", "Makes the model, or moves it. Samples that were asked for before keep the checkpoint they were asked with.")
            .WithJsonBody<PutModel>("""{"checkpointId": "{checkpointId}"}""")
            .WithProblems(400, 409, 413, 415);
        group.MapDelete("/{name}", DeleteAsync).WithName("DeleteModel")
            .Describe(
                "Delete a model",
                "The name; and the checkpoint with it where that was imported and has no other name. A built-in model comes back when a worker starts.")
            .WithProblems(404, 409);
    }

    private static async Task<Ok<Page<ModelView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (page.Cursor is { } cursor && !NamePattern().IsMatch(cursor))
            throw PageQuery.BadCursor();
        var rows = await Rows(db).Where(model => page.Cursor == null || string.Compare(model.Name, page.Cursor) > 0)
            .OrderBy(model => model.Name).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, model => new ModelView(model), model => model.Name));
    }

    private static async Task<Results<Ok<ModelView>, ProblemHttpResult>> GetAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        await FindAsync(name, db, cancellationToken) is { } model ? TypedResults.Ok(new ModelView(model)) : NotFound(name);

    private static async Task<Results<Ok<ModelView>, Created<ModelView>, Accepted<ModelView>, ProblemHttpResult>> CreateAsync(
        HttpContext context, Caller caller, IdempotencyKey key, Preference preference, DdpmDbContext db, ArtifactStore artifacts, JobOutbox outbox,
        IOptions<DatasetsOptions> options, IOptions<JsonOptions> json, CancellationToken cancellationToken)
    {
        var serializer = json.Value.SerializerOptions;
        string name;
        if (MultipartUpload.IsMultipart(context.Request))
        {
            using var upload = await MultipartUpload.ReceiveAsync(context.Request, artifacts, options.Value.MaxUploadBytes, cancellationToken);
            var fields = JsonBody.Parse<ImportModel>(upload.FieldsAsJson<ImportModel>(serializer), serializer);
            name = await key.FindAsync(upload.Sha256, db, cancellationToken) ?? await ImportAsync(fields, upload, caller, key, db, outbox, cancellationToken);
        }
        else
        {
            var body = await JsonBody.ReadAsync<CreateModel>(context.Request, serializer, "application/json", "multipart/form-data");
            if (body.Value.Hub is not null)
                HubSwitch.Require(context, "hub");
            name = await key.FindAsync(body.Sha256, db, cancellationToken) ?? await NameAsync(body, caller, key, db, outbox, cancellationToken);
        }

        if (await FindAsync(name, db, cancellationToken) is not { } model)
            return Problems.Gone("The model that this Idempotency-Key made has been deleted.");
        var location = $"/models/{name}";
        if (model.JobId is not { } job)
            return TypedResults.Created(location, new ModelView(model));

        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(job, context, db, cancellationToken);
        var view = new ModelView(await FindAsync(name, db, cancellationToken) ?? model);
        return ended ? TypedResults.Ok(view) : TypedResults.Accepted(location, view);
    }

    private static async Task<string> NameAsync(
        JsonBody<CreateModel> body, Caller caller, IdempotencyKey key, DdpmDbContext db, JobOutbox outbox, CancellationToken cancellationToken)
    {
        var request = body.Value;
        if (request.CheckpointId is null == request.Hub is null)
            throw Faults.One("checkpointId", request.Hub is null ? "is required, or else hub, where the model is to be imported from" : "cannot be given together with hub; one of them says what the model is");
        if (request.Hub is { } hub)
        {
            var (name, _) = await ImportAsync(
                request, model => (model.HubRepository, model.HubRevision) = (hub.Repository, hub.Revision), body.Sha256, caller, key, db, outbox, cancellationToken);
            return name;
        }

        await RequireCheckpointAsync(request.CheckpointId!.Value, db, cancellationToken);
        db.Models.Add(new()
        {
            Name = request.Name,
            Account = caller.Account,
            CheckpointId = request.CheckpointId,
            Description = request.Description,
            CreatedAt = DateTime.UtcNow,
            UpdatedAt = DateTime.UtcNow,
        });
        return await SaveNewAsync(request.Name, body.Sha256, key, db, cancellationToken) ?? request.Name;
    }

    private static async Task<string> ImportAsync(
        ImportModel fields, MultipartUpload upload, Caller caller, IdempotencyKey key, DdpmDbContext db, JobOutbox outbox, CancellationToken cancellationToken)
    {
        if (await ArchiveProbe.ZipOnlyFaultAsync(upload.Path, cancellationToken) is { } fault)
            throw new RequestProblem(StatusCodes.Status400BadRequest, "The upload cannot become a model", fault);
        // Not to be cancelled: whether the row was saved decides whether its upload stays.
        var (name, isNew) = await ImportAsync(fields, model => model.UploadKey = upload.Key, upload.Sha256, caller, key, db, outbox, CancellationToken.None);
        if (isNew)
            upload.Keep();
        return name;
    }

    private static async Task<(string Name, bool IsNew)> ImportAsync(
        ImportModel fields, Action<NamedModel> from, string bodySha256, Caller caller, IdempotencyKey key, DdpmDbContext db, JobOutbox outbox, CancellationToken cancellationToken)
    {
        var job = caller.NewJob(JobKind.ModelImport);
        var model = new NamedModel
        {
            Name = fields.Name,
            Account = caller.Account,
            JobId = job.Id,
            Job = job,
            Description = fields.Description,
            CreatedAt = DateTime.UtcNow,
            UpdatedAt = DateTime.UtcNow,
        };
        from(model);
        db.Models.Add(model);
        if (await SaveNewAsync(fields.Name, bodySha256, key, db, cancellationToken) is { } earlier)
            return (earlier, false);
        await outbox.AddAsync(job);
        return (fields.Name, true);
    }

    /// <returns>Null, or the name that a request with the same key has just made.</returns>
    private static async Task<string?> SaveNewAsync(
        string name, string bodySha256, IdempotencyKey key, DdpmDbContext db, CancellationToken cancellationToken)
    {
        // Who has the name by now may have come with the same key.
        if (await IsTakenAsync(name, db, cancellationToken))
            return await key.FindAsync(bodySha256, db, cancellationToken) ?? throw Taken(name);
        try
        {
            return await key.SaveAsync(bodySha256, $"/models/{name}", db, cancellationToken);
        }
        catch (DbUpdateException)
        {
            db.ChangeTracker.Clear();
            if (await IsTakenAsync(name, db, cancellationToken))
                throw Taken(name); // Somebody else was faster.
            throw;
        }
    }

    private static async Task<Results<Ok<ModelView>, Created<ModelView>, ProblemHttpResult>> PutAsync(
        string name, JsonBody<PutModel> body, Caller caller, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (!NamePattern().IsMatch(name))
            throw Faults.One("name", "must be 1 to 64 lower-case letters, digits, '.', '_' or '-', the first a letter or digit");
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await PointAsync(name, body.Value, caller, db, cancellationToken);
            }
            catch (DbUpdateException) when (attempt < PutAttempts)
            {
                db.ChangeTracker.Clear(); // Somebody has just made or deleted it, or deleted the checkpoint: look again.
            }
        }
    }

    private static async Task<Results<Ok<ModelView>, Created<ModelView>, ProblemHttpResult>> PointAsync(
        string name, PutModel request, Caller caller, DdpmDbContext db, CancellationToken cancellationToken)
    {
        await RequireCheckpointAsync(request.CheckpointId, db, cancellationToken);
        if (await IsTakenByAnotherAsync(name, db, cancellationToken))
            throw Taken(name);
        var existing = await db.Models.Include(row => row.Job).SingleOrDefaultAsync(row => row.Name == name, cancellationToken);
        if (existing is { CheckpointId: null, Job.HasEnded: false })
            return Problems.Conflict($"The model {name} is being imported. Wait until GET /models/{name} says how that ended, or delete it.");

        db.RequireOwn(existing?.Account ?? caller.Account);
        var model = existing ?? db.Models.Add(new() { Name = name, Account = caller.Account, CreatedAt = DateTime.UtcNow, UpdatedAt = DateTime.UtcNow }).Entity;
        model.CheckpointId = request.CheckpointId;
        model.Description = request.Description ?? model.Description;
        model.UpdatedAt = DateTime.UtcNow;
        await db.SaveChangesAsync(cancellationToken);
        db.ChangeTracker.Clear();
        if (await FindAsync(name, db, cancellationToken) is not { } saved)
            return NotFound(name); // Deleted at once.
        var view = new ModelView(saved);
        return existing is null ? TypedResults.Created($"/models/{name}", view) : TypedResults.Ok(view);
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        string name, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, JobControl control, CancellationToken cancellationToken)
    {
        if (await FindAsync(name, db, cancellationToken) is not { } model)
            return NotFound(name);
        db.RequireOwn(model.Account);
        if (model.Job is { } job && await JobEndings.StopAsync(job, context, control, db, cancellationToken) is { } busy)
            return busy;
        var orphan = model.Checkpoint is { TrainingRunId: null } checkpoint && checkpoint.Account == model.Account
            && !await db.Models.IgnoreQueryFilters().AnyAsync(other => other.CheckpointId == checkpoint.Id && other.Name != name, cancellationToken) ? checkpoint : null;
        if (orphan is not null && await CheckpointEndpoints.IsInUseAsync(orphan.Id, db, cancellationToken))
            return Problems.Conflict("Samples or evaluations that have not ended are drawn with it. Cancel them, or wait.");

        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            await db.Models.Where(row => row.Name == name).ExecuteDeleteAsync(cancellationToken);
            if (model.JobId is { } jobId)
                await db.Jobs.Where(row => row.Id == jobId).ExecuteDeleteAsync(cancellationToken);
            if (orphan is not null)
                await db.Checkpoints.Where(row => row.Id == orphan.Id).ExecuteDeleteAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
        }

        foreach (var key in new[] { orphan?.ArtifactKey, model.UploadKey }.OfType<string>())
            artifacts.Delete(key);
        return TypedResults.NoContent();
    }

    private static Task<bool> IsTakenAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        db.Models.IgnoreQueryFilters().AnyAsync(model => model.Name == name, cancellationToken);

    // Names are one for all accounts: whoever draws by a name must not wonder whose it is.
    private static async Task<bool> IsTakenByAnotherAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        await IsTakenAsync(name, db, cancellationToken) && !await db.Models.AnyAsync(model => model.Name == name, cancellationToken);

    private static RequestProblem Taken(string name) => new(
        StatusCodes.Status409Conflict,
        "The name is taken",
        $"There is a model {name} already. Choose another name; if it is yours, delete it or point it to another checkpoint with PUT /models/{name}.");

    private static async Task RequireCheckpointAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (!await db.Checkpoints.AnyAsync(checkpoint => checkpoint.Id == id, cancellationToken))
            throw Faults.One("checkpointId", $"names no checkpoint; GET /training-runs/{{id}}/checkpoints lists those of a run. There is none with the id {id}");
    }

    private static ProblemHttpResult NotFound(string name) => Problems.NotFound($"There is no model '{name}'; GET /models lists those there are.");

    private static IQueryable<NamedModel> Rows(DdpmDbContext db) =>
        db.Models.AsNoTracking().Include(model => model.Job).Include(model => model.Checkpoint);

    private static Task<NamedModel?> FindAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        Rows(db).SingleOrDefaultAsync(model => model.Name == name, cancellationToken);

    [GeneratedRegex(ImportModel.NamePattern)]
    private static partial Regex NamePattern();
}
