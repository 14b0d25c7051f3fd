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
    /// <summary>How many to hand over at once: few enough to be quick, many enough to matter.</summary>
    public const int AtOnce = 256;

    /// <summary>Puts the id of a saved row into its queue. A failure is logged and healed later by the reconciler.</summary>
    public Task EnqueueAsync(Job job, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(job);
        return EnqueueAsync([job], cancellationToken);
    }

    /// <summary>The same for several, in their order.</summary>
    /// <returns>Those for which it failed.</returns>
    public async Task<IReadOnlyList<Job>> EnqueueAsync(IReadOnlyList<Job> jobs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        List<Job> left = [];
        IEnumerable<IReadOnlyList<Job>> parts = hangfire is PromptStorage ? [jobs] : jobs.Select(job => (IReadOnlyList<Job>)[job]);
        foreach (var together in parts)
        {
            try
            {
                await EnqueueOrThrowAsync(together, cancellationToken);
            }
#pragma warning disable CA1031 // Whatever went wrong, the rows are safe and the reconciler will find them.
            catch (Exception reason) when (reason is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
#pragma warning restore CA1031
            {
                using var ids = together is [var job] ? JobScope.Begin(logger, job) : null;
                LogFailure(reason, string.Join(", ", together.Select(job => job.Id)));
                left.AddRange(together);
            }
        }

        return left;
    }

    /// <summary>The same for who can do something about a failure. With Hangfire in memory those before the one that failed are in their queues then.</summary>
    /// <exception cref="System.Data.Common.DbException">The database does not answer, or Hangfire's tables are gone.</exception>
    public async Task EnqueueOrThrowAsync(IReadOnlyList<Job> jobs, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        if (hangfire is PromptStorage prompt)
            await prompt.EnqueueAsync([.. jobs.Select(job => (job, Call(job)))], cancellationToken);
        else
            await EnqueueInTurnAsync(jobs, cancellationToken);
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
            LogFailure(reason, jobId.ToString());
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Saved but not enqueued, which will be tried again: {Jobs}.")]
    private partial void LogFailure(Exception exception, string jobs);
}
