using Ddpm.Api.Evaluations;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Checkpoints;

/// <summary>Trained weights.</summary>
internal static class CheckpointEndpoints
{
    public static void MapCheckpoints(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/checkpoints").WithTags("Checkpoints");
        group.MapGet("/{id:guid}", GetAsync).WithName("GetCheckpoint")
            .Describe("Look at a checkpoint", "Step, epoch, loss, network and scheduler configuration, size and hash.").WithProblems(404);
        group.MapGet("/{id:guid}/archive", GetArchiveAsync).WithName("GetCheckpointArchive")
            .Describe("Download a checkpoint", "A zip of the diffusers folder, loadable with `DDPMPipeline.from_pretrained` once unpacked.")
            .WithQuery("training", "Whether the state of the training (optimizer, random state) comes too; default false.", "boolean", false)
            .Produces(200, contentType: "application/zip").WithProblems(400, 404).DisableRequestTimeout();
        group.MapDelete("/{id:guid}", DeleteAsync).WithName("DeleteCheckpoint")
            .Describe("Delete a checkpoint", "Unless a model, a running training, or a sample or evaluation that has not ended needs it. Pictures drawn with it stay.")
            .WithProblems(404, 409);
    }

    /// <summary>The names that point to each of the checkpoints.</summary>
    public static async Task<ILookup<Guid, string>> NamesAsync(
        IReadOnlyList<Checkpoint> checkpoints, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var ids = checkpoints.Select(checkpoint => (Guid?)checkpoint.Id).ToList();
        var models = await db.Models.AsNoTracking().Where(model => ids.Contains(model.CheckpointId)).OrderBy(model => model.Name).ToListAsync(cancellationToken);
        return models.ToLookup(model => model.CheckpointId!.Value, model => model.Name);
    }

    /// <summary>Whether samples or evaluations, anybody's, that have not ended are drawn with it.</summary>
    private static async Task<bool> IsInUseAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        await db.SampleBatches.IgnoreQueryFilters().AnyAsync(
            batch => batch.CheckpointId == id && (batch.Job!.Status == JobStatus.Queued || batch.Job.Status == JobStatus.Running), cancellationToken)
        || await EvaluationEndpoints.IsNeededAsync(id, db, cancellationToken);

    private static async Task<Results<Ok<CheckpointView>, ProblemHttpResult>> GetAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } checkpoint)
            return Problems.NotFound("checkpoint", id);
        var names = await NamesAsync([checkpoint], db, cancellationToken);
        return TypedResults.Ok(new CheckpointView(checkpoint, [.. names[id]]));
    }

    private static async Task<Results<PushStreamHttpResult, ProblemHttpResult>> GetArchiveAsync(
        Guid id, HttpContext context, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken)
    {
        var asked = context.Request.Query["training"].FirstOrDefault();
        var training = false;
        if (asked is not null && !bool.TryParse(asked, out training))
            throw Faults.One("training", $"must be true or false; it is {asked}");
        if (await FindAsync(id, db, cancellationToken) is not { } checkpoint)
            return Problems.NotFound("checkpoint", id);
        if (!artifacts.Exists(checkpoint.ArtifactKey))
            return Problems.NotFound($"The files of checkpoint {id} are no longer there.");
        // Zip writers finish each entry by a short synchronous write, in asynchronous mode too.
        if (context.Features.Get<IHttpBodyControlFeature>() is { } body)
            body.AllowSynchronousIO = true;
        return TypedResults.Stream(
            stream => CheckpointArchive.WriteAsync(checkpoint, artifacts, training, stream, cancellationToken), "application/zip", $"checkpoint-{id}.zip");
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> DeleteAsync(
        Guid id, DdpmDbContext db, ArtifactStore artifacts, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, db, cancellationToken) is not { } checkpoint)
            return Problems.NotFound("checkpoint", id);
        db.RequireOwn(checkpoint.Account);
        var names = (await NamesAsync([checkpoint], db, cancellationToken))[id].ToList();
        if (names.Count == 0 && await db.Models.IgnoreQueryFilters().AnyAsync(model => model.CheckpointId == id, cancellationToken))
            return Problems.Conflict("It is a model of another account.");
        if (names.Count > 0)
            return Problems.Conflict($"It is the model {string.Join(", ", names)}. Delete that, or move it to another checkpoint with PUT /models/{names[0]}.");
        if (await db.TrainingRuns.IgnoreQueryFilters().AnyAsync(
                run => run.Id == checkpoint.TrainingRunId && (run.Job!.Status == JobStatus.Queued || run.Job.Status == JobStatus.Running), cancellationToken))
            return Problems.Conflict("Its training run has not ended and may need it to go on. Cancel the run, or wait until it has ended.");
        if (await IsInUseAsync(id, db, cancellationToken))
            return Problems.Conflict("Samples or evaluations that have not ended are drawn with it. Cancel them, or wait.");

        if ((await CheckpointUses.DeleteUnneededAsync(db, [id], cancellationToken)).Count == 0)
            return Problems.Conflict("Something has just come to need it, or it was deleted by another request.");
        artifacts.Delete(checkpoint.ArtifactKey);
        return TypedResults.NoContent();
    }

    private static Task<Checkpoint?> FindAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        db.Checkpoints.AsNoTracking().SingleOrDefaultAsync(checkpoint => checkpoint.Id == id, cancellationToken);
}
