using Ddpm.Api.Admission;
using System.Text.RegularExpressions;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

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
        group.MapPost("/", ModelCreation.CreateAsync).WithAdmission(JobKind.ModelImport).WithName("CreateModel")
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

    /// <summary>A model that the context shows, with its checkpoint and job; null where it shows none.</summary>
    public static Task<NamedModel?> FindAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        Rows(db).SingleOrDefaultAsync(model => model.Name == name, cancellationToken);

    /// <summary>Whether a name is used, whosever it is.</summary>
    public static Task<bool> IsTakenAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        db.Models.IgnoreQueryFilters().AnyAsync(model => model.Name == name, cancellationToken);

    /// <exception cref="RequestProblem">400: the context shows no such checkpoint.</exception>
    public static async Task RequireCheckpointAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (!await db.Checkpoints.AnyAsync(checkpoint => checkpoint.Id == id, cancellationToken))
            throw Faults.One("checkpointId", $"names no checkpoint; GET /training-runs/{{id}}/checkpoints lists those of a run. There is none with the id {id}");
    }

    /// <summary>409: there is such a name already.</summary>
    public static RequestProblem Taken(string name) => new(
        StatusCodes.Status409Conflict,
        "The name is taken",
        $"There is a model {name} already. Choose another name; if it is yours, delete it or point it to another checkpoint with PUT /models/{name}.");

    private static async Task<Ok<Page<ModelView>>> ListAsync(PageQuery page, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (page.Cursor is { } cursor && !IsName(cursor))
            throw PageQuery.BadCursor();
        var rows = await Rows(db).Where(model => page.Cursor == null || string.Compare(model.Name, page.Cursor) > 0)
            .OrderBy(model => model.Name).Take(page.Limit + 1).ToListAsync(cancellationToken);
        return TypedResults.Ok(page.Of(rows, model => new ModelView(model), model => model.Name));
    }

    private static async Task<Results<Ok<ModelView>, ProblemHttpResult>> GetAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        await FindAsync(name, db, cancellationToken) is { } model ? TypedResults.Ok(new ModelView(model)) : NotFound(name);

    private static async Task<Results<Ok<ModelView>, Created<ModelView>, ProblemHttpResult>> PutAsync(
        string name, JsonBody<PutModel> body, Caller caller, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (!IsName(name))
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
        if (model.Job is { } job)
        {
            if (await JobEndings.StopAsync(job, context, control, db, cancellationToken) is { } busy)
                return busy;
            model = await FindAsync(name, db, cancellationToken) ?? model; // its import may have ended well meanwhile
        }

        var orphan = model.Checkpoint is { TrainingRunId: null } checkpoint && checkpoint.Account == model.Account
            && !await db.Models.IgnoreQueryFilters().AnyAsync(other => other.CheckpointId == checkpoint.Id && other.Name != name, cancellationToken) ? checkpoint : null;
        await using (var transaction = await db.Database.BeginTransactionAsync(cancellationToken))
        {
            await db.Models.Where(row => row.Name == name).ExecuteDeleteAsync(cancellationToken);
            if (model.JobId is { } jobId)
                await db.Jobs.Where(row => row.Id == jobId).ExecuteDeleteAsync(cancellationToken);
            if (orphan is not null && CheckpointUses.DeleteUnneeded(db, [orphan.Id]).Count == 0)
                return Problems.Conflict("Samples or evaluations that have not ended are drawn with it. Cancel them, or wait.");
            await transaction.CommitAsync(cancellationToken);
        }

        foreach (var key in new[] { orphan?.ArtifactKey, model.UploadKey }.OfType<string>())
            artifacts.Delete(key);
        return TypedResults.NoContent();
    }

    // Names are one for all accounts: whoever draws by a name must not wonder whose it is.
    private static async Task<bool> IsTakenByAnotherAsync(string name, DdpmDbContext db, CancellationToken cancellationToken) =>
        await IsTakenAsync(name, db, cancellationToken) && !await db.Models.AnyAsync(model => model.Name == name, cancellationToken);

    private static ProblemHttpResult NotFound(string name) => Problems.NotFound($"There is no model '{name}'; GET /models lists those there are.");

    private static IQueryable<NamedModel> Rows(DdpmDbContext db) =>
        db.Models.AsNoTracking().Include(model => model.Job).Include(model => model.Checkpoint);

    // All of it: '$' lets a line feed follow.
    private static bool IsName(string text) => NamePattern().Match(text) is { Success: true } match && match.Length == text.Length;

    [GeneratedRegex(ImportModel.NamePattern)]
    private static partial Regex NamePattern();
}
