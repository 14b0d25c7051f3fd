using Ddpm.Api.Datasets;
using Ddpm.Api.Http;
using Ddpm.Api.Keys;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Api.Models;

/// <summary>New models: names for checkpoints, and what a worker is to import.</summary>
internal static class ModelCreation
{
    /// <summary><c>POST /models</c>, with JSON or an upload.</summary>
    public static async Task<Results<Ok<ModelView>, Created<ModelView>, Accepted<ModelView>, ProblemHttpResult>> CreateAsync(
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

        if (await ModelEndpoints.FindAsync(name, db, cancellationToken) is not { } model)
            return Problems.Gone("The model that this Idempotency-Key made has been deleted.");
        var location = $"/models/{name}";
        if (model.JobId is not { } job)
            return TypedResults.Created(location, new ModelView(model));

        context.Response.Headers.Location = location;
        var ended = await preference.UntilEndedAsync(job, context, db, cancellationToken);
        var view = new ModelView(await ModelEndpoints.FindAsync(name, db, cancellationToken) ?? model);
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

        await ModelEndpoints.RequireCheckpointAsync(request.CheckpointId!.Value, db, cancellationToken);
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
        return await upload.KeepIfSavedAsync(() => ImportAsync(fields, model => model.UploadKey = upload.Key, upload.Sha256, caller, key, db, outbox, CancellationToken.None));
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
        if (await ModelEndpoints.IsTakenAsync(name, db, cancellationToken))
            return await key.FindAsync(bodySha256, db, cancellationToken) ?? throw ModelEndpoints.Taken(name);
        try
        {
            return await key.SaveAsync(bodySha256, $"/models/{name}", db, cancellationToken);
        }
        catch (DbUpdateException)
        {
            db.ChangeTracker.Clear();
            if (await ModelEndpoints.IsTakenAsync(name, db, cancellationToken))
                throw ModelEndpoints.Taken(name); // Somebody else was faster.
            throw;
        }
    }
}
