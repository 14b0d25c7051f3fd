using Ddpm.Jobs.Datasets;
using Ddpm.Jobs.Evaluations;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Sampling;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Ddpm.Jobs.Training;
using Hangfire;
using Hangfire.States;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using HangfireJob = Hangfire.Common.Job;

namespace Ddpm.Jobs.Life;

/// <summary>Hands the ids of queued rows to Hangfire, which carries them to a worker.</summary>
public sealed partial class JobDispatcher(
    IBackgroundJobClientV2 client, IDbContextFactory<DdpmDbContext> databases, ILogger<JobDispatcher> logger)
{
    /// <summary>Puts the id of a saved row into its queue. A failure is logged and healed later by the reconciler.</summary>
    public async Task EnqueueAsync(Job job, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(job);
        using var ids = JobScope.Begin(logger, job);
        try
        {
            var carried = job.DispatchId;
            var dispatchId = client.Create(Call(job), new EnqueuedState(Queues.Of(job.Kind)));
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            var recorded = await db.Jobs
                .Where(j => j.Id == job.Id && j.DispatchId == carried)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.DispatchId, dispatchId), cancellationToken);

            // Another process was faster: its delivery suffices, ours would only find the row claimed.
            if (recorded == 0)
                client.ChangeState(dispatchId, new DeletedState(), EnqueuedState.StateName);
            else
                job.DispatchId = dispatchId;
        }
#pragma warning disable CA1031 // Whatever went wrong, the row is safe and the reconciler will find it.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogFailure(reason, job.Id);
        }
    }

    /// <summary>Puts the id of a row that still waits into its queue again, behind the others: a delivery of it came to nothing.</summary>
    public async Task EnqueueAgainAsync(Guid jobId)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync();
            if (await db.Jobs.AsNoTracking().SingleOrDefaultAsync(j => j.Id == jobId && j.Status == JobStatus.Queued) is { } job)
                await EnqueueAsync(job);
        }
#pragma warning disable CA1031 // As above.
        catch (Exception reason)
#pragma warning restore CA1031
        {
            LogFailure(reason, jobId);
        }
    }

    private static HangfireJob Call(Job job)
    {
        var id = job.Id;
        return job.Kind switch
        {
            JobKind.Training => HangfireJob.FromExpression<ITrainingJob>(contract => contract.RunAsync(id, CancellationToken.None)),
            JobKind.Sampling => HangfireJob.FromExpression<ISamplingJob>(contract => contract.RunAsync(id, CancellationToken.None)),
            JobKind.Dataset => HangfireJob.FromExpression<IDatasetJob>(contract => contract.RunAsync(id, CancellationToken.None)),
            JobKind.Evaluation => HangfireJob.FromExpression<IEvaluationJob>(contract => contract.RunAsync(id, CancellationToken.None)),
            JobKind.ModelImport => HangfireJob.FromExpression<IModelImportJob>(contract => contract.RunAsync(id, CancellationToken.None)),
            _ => throw new ArgumentOutOfRangeException(nameof(job), job.Kind, "No such kind of job."),
        };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Job {JobId} is saved but could not be enqueued; it will be tried again.")]
    private partial void LogFailure(Exception exception, Guid jobId);
}
