using Ddpm.Engine.Checkpoints;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Models;

/// <summary>Takes in a diffusers folder that came as a zip: unpacked under limits, loaded once to see that it works, then published.</summary>
internal sealed class ModelImportJob(
    JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, ModelIntake intake, IOptions<WorkerOptions> options,
    TimeProvider clock) : IModelImportJob
{
    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var model = Read(lease.Job.Id);
        if (model.UploadKey is not { } upload || !artifacts.Exists(upload))
            throw new JobFailedException("The uploaded zip is gone; upload it again.");

        var staging = artifacts.CreateStaging();
        try
        {
            DiffusersArchive.Extract(artifacts.PathOf(upload), staging, options.Value.MaxModelBytes, lease.Stop);
            lease.Progress = 0.5;
            var checkpoint = intake.Check(staging);
            lease.Stop.ThrowIfCancellationRequested();
            artifacts.Publish(staging, checkpoint.ArtifactKey);
            var now = clock.GetUtcNow().UtcDateTime;
            lease.Succeed(db =>
            {
                db.Checkpoints.Add(checkpoint);
                db.SaveChanges();
                db.Models.Where(m => m.Name == model.Name && m.JobId == lease.Job.Id).ExecuteUpdate(set => set
                    .SetProperty(m => m.CheckpointId, checkpoint.Id)
                    .SetProperty(m => m.UploadKey, (string?)null)
                    .SetProperty(m => m.UpdatedAt, now));
            });
        }
        finally
        {
            if (Directory.Exists(staging))
                Directory.Delete(staging, recursive: true);
        }

        artifacts.Delete(upload);
    }

    private NamedModel Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        return db.Models.AsNoTracking().SingleOrDefault(model => model.JobId == jobId)
            ?? throw new JobFailedException("The model was deleted before it was taken in.");
    }
}
