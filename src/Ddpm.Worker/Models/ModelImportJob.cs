using Ddpm.Engine.Checkpoints;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;
using Ddpm.Worker.Hub;
using Ddpm.Worker.Life;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Models;

/// <summary>Takes in a diffusers folder that came as a zip or lies on the hub: unpacked or downloaded under limits, loaded once to see that it works, then published.</summary>
internal sealed class ModelImportJob(
    JobRunner runner, IDbContextFactory<DdpmDbContext> databases, ArtifactStore artifacts, DiskSpace disk, ModelIntake intake, IOptions<WorkerOptions> options,
    HubClient hub, TimeProvider clock) : IModelImportJob
{
    private const double FetchPart = 0.5; // of the work, as far as anybody can tell beforehand

    public Task RunAsync(Guid jobId, CancellationToken cancellationToken) => runner.RunAsync(jobId, Work);

    private void Work(JobLease lease)
    {
        var model = Read(lease.Job.Id);
        var staging = artifacts.CreateStaging();
        try
        {
            if (model.HubRepository is { } repository)
                Download(new HubRepository(IsDataset: false, repository, model.HubRevision ?? HubRepository.UsualRevision), staging, lease);
            else
                Unpack(model, staging, lease);
            lease.Progress = FetchPart;
            var checkpoint = intake.Check(staging, lease.Job.Account);
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

        if (model.UploadKey is { } upload)
            artifacts.Delete(upload);
    }

    private void Unpack(NamedModel model, string staging, JobLease lease)
    {
        if (model.UploadKey is not { } upload || !artifacts.Exists(upload))
            throw new JobFailedException("The uploaded zip is gone; upload it again.");
        DiffusersArchive.Extract(artifacts.PathOf(upload), staging, options.Value.MaxModelBytes, lease.Stop, MakeRoom);
    }

    private void Download(HubRepository repository, string staging, JobLease lease) =>
        HubModels.FetchAsync(hub, repository, staging, options.Value.MaxModelBytes, new FractionOf(lease, FetchPart), lease.Stop, MakeRoom).GetAwaiter().GetResult();

    private void MakeRoom(long bytes) => disk.Require(bytes, "Taking the model in");

    private NamedModel Read(Guid jobId)
    {
        using var db = databases.CreateDbContext();
        return db.Models.AsNoTracking().SingleOrDefault(model => model.JobId == jobId)
            ?? throw new JobFailedException("The model was deleted before it was taken in.");
    }
}
