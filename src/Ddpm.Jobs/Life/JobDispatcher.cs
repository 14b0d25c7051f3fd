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
    JobStorage hangfire, IBackgroundJobClientV2 client, IDbContextFactory<DdpmDbContext> databases, ILogger<JobDispatcher> logger)
{
    /// <summary>Puts the id of a saved row into its queue. A failure is logged and healed later by the reconciler.</summary>
    public Task EnqueueAsync(Job job, CancellationToken cancellationToken = default) => EnqueueAsync([job], cancellationToken);

    /// <summary>Puts the ids of saved rows into their queues. A failure is logged and healed later by the reconciler.</summary>
    public async Task EnqueueAsync(IReadOnlyList<Job> jobs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        try
        {
            if (hangfire is PromptStorage prompt)
                await prompt.EnqueueAsync([.. jobs.Select(job => (job, Call(job)))], cancellationToken);
            else
                await EnqueueInTurnAsync(jobs, cancellationToken);
        }
#pragma warning disable CA1031 // Whatever went wrong, the rows are safe and the reconciler will find them.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            foreach (var job in jobs)
            {
                using var ids = JobScope.Begin(logger, job);
                LogFailure(reason, job.Id);
            }
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

    private async Task EnqueueInTurnAsync(IEnumerable<Job> jobs, CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        foreach (var job in jobs)
        {
            var carried = job.DispatchId;
            var dispatchId = client.Create(Call(job), new EnqueuedState(Queues.Of(job.Kind)));
            var recorded = await db.Jobs
                .Where(j => j.Id == job.Id && j.Status == JobStatus.Queued && j.DispatchId == carried)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.DispatchId, dispatchId), cancellationToken);

            // Another process was faster: its delivery suffices, ours would only find the row claimed.
            if (recorded == 0)
                client.ChangeState(dispatchId, new DeletedState(), EnqueuedState.StateName);
            else
                job.DispatchId = dispatchId;
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
