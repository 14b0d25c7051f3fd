using Ddpm.Engine.Checkpoints;
using Ddpm.Jobs.Accounts;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Models;

/// <summary>Registers the models that are shipped with the program (<c>Models:Builtin</c>, default <c>models</c>) under their folders' names.</summary>
internal sealed partial class BuiltinModels(
    IConfiguration configuration, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, ModelIntake intake, TimeProvider clock,
    ILogger<BuiltinModels> logger) : IHostedService
{
    private const int Attempts = 60;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var folder in Folders())
        {
            try
            {
                await RegisterPatientlyAsync(Path.GetFileName(folder), folder, cancellationToken);
            }
            catch (Exception reason) when (reason is CheckpointException or IOException or DbUpdateException)
            {
                // Another worker may have registered it at the same moment; a damaged folder must not keep the others from working.
                LogSkipped(folder, reason.Message);
            }
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private IEnumerable<string> Folders()
    {
        var root = configuration["Models:Builtin"] is { Length: > 0 } setting ? setting : "models";
        var folder = Directory.Exists(root) ? root : Path.Combine(AppContext.BaseDirectory, root);
        return Directory.Exists(folder) ? Directory.GetDirectories(folder).Where(DiffusersFolder.IsOne).Order(StringComparer.Ordinal) : [];
    }

    // A fresh worker may come up while its database is being restarted.
    private async Task RegisterPatientlyAsync(string name, string folder, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await RegisterAsync(name, folder, cancellationToken);
                return;
            }
            catch (Exception trouble) when (DatabaseErrors.IsTransient(trouble) && attempt < Attempts)
            {
                LogRetry(name, trouble.Message);
                await Task.Delay(Pause, clock, cancellationToken);
            }
        }
    }

    private async Task RegisterAsync(string name, string folder, CancellationToken cancellationToken)
    {
        var sha256 = DiffusersFolder.Open(folder).WeightsSha256();
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var model = await db.Models.Include(m => m.Checkpoint).SingleOrDefaultAsync(m => m.Name == name, cancellationToken);

        // A name that a person has given to something else stays theirs.
        if (model is not null && (model.JobId is not null || model.Checkpoint?.TrainingRunId is not null || model.Account is not (Account.Shared or Account.Local)))
            return;
        if (model?.Checkpoint is { } known && known.Sha256 == sha256)
        {
            if (!artifacts.Exists(known.ArtifactKey))
            {
                Take(folder, known.ArtifactKey);
                LogRestored(name);
            }

            await ShareAsync(model, db, cancellationToken);
            return;
        }

        var checkpoint = Take(folder);
        db.Checkpoints.Add(checkpoint);
        var now = clock.GetUtcNow().UtcDateTime;
        model ??= db.Models.Add(new NamedModel
        {
            Name = name,
            Account = Account.Shared,
            Description = "Shipped with the program.",
            CreatedAt = now,
            UpdatedAt = now,
        }).Entity;
        model.CheckpointId = checkpoint.Id;
        model.UpdatedAt = now;
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (Exception refusal) when (refusal is not OperationCanceledException && !DatabaseErrors.IsUnanswered(refusal)) // or it may have been saved: files that no row names are swept
        {
            artifacts.Delete(checkpoint.ArtifactKey);
            throw;
        }

        await ShareAsync(model, db, cancellationToken);
        LogRegistered(name);
    }

    // Databases from before there were accounts have it under that of this machine.
    private static async Task ShareAsync(NamedModel model, DdpmDbContext db, CancellationToken cancellationToken)
    {
        await db.Models.Where(row => row.Name == model.Name && row.Account == Account.Local).ExecuteUpdateAsync(
            row => row.SetProperty(m => m.Account, Account.Shared), cancellationToken);
        await db.Checkpoints.Where(row => row.Id == model.CheckpointId && row.Account == Account.Local).ExecuteUpdateAsync(
            row => row.SetProperty(c => c.Account, Account.Shared), cancellationToken);
    }

    private Checkpoint Take(string folder, string? key = null)
    {
        var staging = artifacts.CreateStaging();
        try
        {
            foreach (var file in DiffusersFolder.Files.Where(file => File.Exists(Path.Combine(folder, file))))
            {
                var copy = Path.Combine(staging, file);
                Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                File.Copy(Path.Combine(folder, file), copy);
            }

            var checkpoint = intake.Check(staging, Account.Shared);
            artifacts.Publish(staging, key ?? checkpoint.ArtifactKey);
            return checkpoint;
        }
        finally
        {
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Registered the model {Name}, which is shipped with the program.")]
    private partial void LogRegistered(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The files of the model {Name} were gone from the artifacts and are there again, as shipped.")]
    private partial void LogRestored(string name);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model {Name} cannot be registered yet: {Reason}")]
    private partial void LogRetry(string name, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The model folder {Folder} is left out: {Reason}")]
    private partial void LogSkipped(string folder, string reason);
}
