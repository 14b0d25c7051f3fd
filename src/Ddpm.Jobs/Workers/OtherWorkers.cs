using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Workers;

/// <summary>What the other workers have to do.</summary>
public sealed partial class OtherWorkers(
    IDbContextFactory<DdpmDbContext> databases, WorkerIdentity identity, TimeProvider clock, ILogger<OtherWorkers> logger)
{
    /// <summary>Whether another worker that lives runs fewer jobs of this one's kind than this process does, so that it most likely has a place for it.</summary>
    /// <returns>False also where the database cannot be asked.</returns>
    public async Task<bool> HaveLessToDoAsync(Guid jobId, CancellationToken cancellationToken)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            var since = await db.NowAsync(clock, cancellationToken) - WorkerPresence.Limit;
            var kind = db.Jobs.Where(job => job.Id == jobId).Select(job => job.Kind);
            var running = db.Jobs.Where(job => job.Status == JobStatus.Running && kind.Contains(job.Kind));
            var own = await running.CountAsync(job => job.Owner == identity.Name, cancellationToken);
            return await db.Workers.AnyAsync(
                worker => worker.Name != identity.Name && worker.SeenAt >= since && running.Count(job => job.Owner == worker.Name) < own, cancellationToken);
        }
#pragma warning disable CA1031 // A database that is away for a while: the job waits for a place here.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogTrouble(reason.Message);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What other workers have to do could not be read: {Reason}")]
    private partial void LogTrouble(string reason);
}
