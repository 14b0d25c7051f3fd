using Ddpm.Api.Http;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Samples;

/// <summary>Which checkpoint a sample request means.</summary>
/// <param name="Checkpoint">What draws.</param>
/// <param name="ModelName">The name by which it was found, if it was by one.</param>
internal sealed record SampleSource(Checkpoint Checkpoint, string? ModelName)
{
    /// <exception cref="RequestProblem">There is no such checkpoint, or none yet.</exception>
    public static Task<SampleSource> FindAsync(CreateSamples request, SamplesOptions options, DdpmDbContext db, CancellationToken cancellationToken) =>
        request switch
        {
            { CheckpointId: { } id } => OfCheckpointAsync(id, db, cancellationToken),
            { TrainingRunId: { } id } => OfTrainingRunAsync(id, db, cancellationToken),
            { Model: { } name } => OfModelAsync(name, isDefault: false, db, cancellationToken),
            _ => OfModelAsync(options.DefaultModel, isDefault: true, db, cancellationToken),
        };

    private static async Task<SampleSource> OfCheckpointAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken) =>
        await db.Checkpoints.AsNoTracking().SingleOrDefaultAsync(checkpoint => checkpoint.Id == id, cancellationToken) is { } found
            ? new(found, null)
            : throw Faults.One("checkpointId", $"names no checkpoint: there is none with the id {id}");

    private static async Task<SampleSource> OfTrainingRunAsync(Guid id, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var newest = await db.Checkpoints.AsNoTracking().Where(checkpoint => checkpoint.TrainingRunId == id)
            .OrderByDescending(checkpoint => checkpoint.Step).ThenByDescending(checkpoint => checkpoint.Id).FirstOrDefaultAsync(cancellationToken);
        if (newest is not null)
            return new(newest, null);
        throw await db.TrainingRuns.AnyAsync(run => run.Id == id, cancellationToken)
            ? NotYet($"The training run {id} has no checkpoint yet; watch GET /training-runs/{id}.")
            : Faults.One("trainingRunId", $"names no training run: there is none with the id {id}");
    }

    private static async Task<SampleSource> OfModelAsync(string name, bool isDefault, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var model = await db.Models.AsNoTracking().Include(row => row.Checkpoint).SingleOrDefaultAsync(row => row.Name == name, cancellationToken);
        if (model is { Checkpoint: { } checkpoint })
            return new(checkpoint, name);
        if (model is not null)
            throw NotYet($"The model {name} has not been imported; see GET /models/{name}.");

        var names = await db.Models.Where(row => row.CheckpointId != null).OrderBy(row => row.Name).Select(row => row.Name).Take(50).ToListAsync(cancellationToken);
        var choice = names.Count == 0
            ? "there are no models yet: train one, or wait until a worker has registered those that are shipped"
            : $"the models are {string.Join(", ", names)}";
        throw Faults.One("model", isDefault ? $"is required, since the default model {name} is not there; {choice}" : $"names no model; {choice}. It is {name}");
    }

    private static RequestProblem NotYet(string detail) => new(Problems.Conflict(detail).ProblemDetails);
}
