using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Life;

/// <summary>Whose turn it is. Hangfire delivers jobs in the order in which they came; here a delivery is a turn, which may go to another job that waits.</summary>
/// <remarks>
/// First comes the account of which fewest jobs run. Among equals a job that is expected to take long lets those pass that come within that time, and no others: the one that is first is the
/// one whose arrival plus duration is the least. So small jobs do not stand behind large ones, and among those of one account no job waits for more than those that came before it would have finished.
/// </remarks>
public sealed partial class JobTurns(IDbContextFactory<DdpmDbContext> databases, ILogger<JobTurns> logger)
{
    private const int Considered = 200;
    private const int Measured = 20;
    private const int Small = 10;
    private const double Guessed = 1e11; // operations a second of a few cores, until a job has ended

    // Less is not worth a change of the order.
    private static readonly TimeSpan Noticeable = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPatience = TimeSpan.FromMinutes(10);

    /// <summary>The job that a delivery should go to.</summary>
    /// <param name="delivered">The one that it names.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>One of the same kind that waits; <paramref name="delivered"/> where it does not wait, or the database cannot be asked.</returns>
    public Task<Guid> NextAsync(Guid delivered, CancellationToken cancellationToken) => AskAsync(db => NextAsync(delivered, db, cancellationToken), otherwise: delivered, cancellationToken);

    /// <summary>The job that a delivery should go to, where it need not wait until one of those that run has ended: none of its account's runs, or it costs at most a tenth of what those cost on average.</summary>
    /// <param name="delivered">The one that the delivery names.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null where it has to wait, or the database cannot be asked. Others may be told the same one until it is claimed.</returns>
    public Task<Guid?> GoesAheadAsync(Guid delivered, CancellationToken cancellationToken) => AskAsync(db => GoesAheadAsync(delivered, db, cancellationToken), otherwise: null, cancellationToken);

    /// <summary>Whether a job waits, so that its delivery has something to wait for.</summary>
    /// <returns>Also true where the database cannot be asked.</returns>
    public Task<bool> WaitsAsync(Guid jobId, CancellationToken cancellationToken) =>
        AskAsync(db => db.Jobs.AnyAsync(job => job.Id == jobId && job.Status == JobStatus.Queued && !job.CancelRequested, cancellationToken), otherwise: true, cancellationToken);

    private async Task<T> AskAsync<T>(Func<DdpmDbContext, Task<T>> ask, T otherwise, CancellationToken cancellationToken)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            return await ask(db);
        }
#pragma warning disable CA1031 // A database that is away for a while: the claim will say so.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogTrouble(reason.Message);
            return otherwise;
        }
    }

    private static async Task<Guid> NextAsync(Guid delivered, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var queued = db.Jobs.Where(job => job.Status == JobStatus.Queued && !job.CancelRequested);
        if (await Waits(queued.Where(job => job.Id == delivered)).SingleOrDefaultAsync(cancellationToken) is not { } named)
            return delivered;
        var alike = queued.Where(job => job.Kind == named.Kind);
        var waiting = await Waits(alike.OrderBy(job => job.CreatedAt).Take(Considered)).ToListAsync(cancellationToken);
        if (waiting.Count < 2)
            return delivered;
        var running = await db.Jobs.Where(job => job.Status == JobStatus.Running && job.Kind == named.Kind).GroupBy(job => job.Account)
            .Select(jobs => new { Account = jobs.Key, Count = jobs.Count() }).ToDictionaryAsync(jobs => jobs.Account, jobs => jobs.Count, cancellationToken);
        if (waiting.Count == Considered) // an account of which fewer run may stand behind all of these
        {
            var accounts = await alike.Select(job => job.Account).Distinct().ToListAsync(cancellationToken);
            var fewest = accounts.Select(Running).DefaultIfEmpty().Min();
            var first = accounts.Where(account => Running(account) == fewest).ToList();
            waiting.AddRange(await Waits(alike.Where(job => first.Contains(job.Account)).OrderBy(job => job.CreatedAt).Take(Considered)).ToListAsync(cancellationToken));
        }

        var rate = await RateAsync(db, named.Kind, cancellationToken);
        var next = waiting.MinBy(job => (Running(job.Account), Rank(job)))!;
        return Running(next.Account) < Running(named.Account) || Rank(next) + Noticeable < Rank(named) ? next.Id : delivered;

        int Running(string account) => running.GetValueOrDefault(account);
        DateTime Rank(Waiting job) => job.CreatedAt + Duration(job, rate);
    }

    private static async Task<Guid?> GoesAheadAsync(Guid delivered, DdpmDbContext db, CancellationToken cancellationToken)
    {
        var next = await NextAsync(delivered, db, cancellationToken);
        if (await Waits(db.Jobs.Where(job => job.Id == next && job.Status == JobStatus.Queued)).SingleOrDefaultAsync(cancellationToken) is not { } first)
            return null;
        var running = await Waits(db.Jobs.Where(job => job.Status == JobStatus.Running && job.Kind == first.Kind)).ToListAsync(cancellationToken);
        return running.TrueForAll(job => job.Account != first.Account) || first.Operations * Small <= running.Average(job => job.Operations) ? next : null;
    }

    private static IQueryable<Waiting> Waits(IQueryable<Job> jobs) => jobs.Select(job => new Waiting(job.Id, job.Kind, job.Account, job.CreatedAt, job.Operations));

    // Operations a second of one job, from those that ended last: beside others, as the next will run, too.
    private static async Task<double> RateAsync(DdpmDbContext db, JobKind kind, CancellationToken cancellationToken)
    {
        var last = await db.Jobs.Where(job => job.Kind == kind && job.EndedAt != null && job.StartedAt != null).OrderByDescending(job => job.EndedAt).Take(Measured)
            .Select(job => new { job.Status, job.Operations, job.StartedAt, job.EndedAt }).ToListAsync(cancellationToken);
        var ended = last.Where(job => job is { Status: JobStatus.Succeeded, Operations: > 0 }).ToList();
        var seconds = ended.Sum(job => (job.EndedAt!.Value - job.StartedAt!.Value).TotalSeconds);
        return seconds > 0 ? ended.Sum(job => job.Operations!.Value) / seconds : Guessed;
    }

    // A run of which nobody knows how far it gets may well take long.
    private static TimeSpan Duration(Waiting job, double rate) => job switch
    {
        { Operations: null, Kind: JobKind.Training } => LongestPatience,
        _ => job.Operations / rate is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds, LongestPatience.TotalSeconds)) : TimeSpan.Zero,
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Whose turn it is could not be read: {Reason}")]
    private partial void LogTrouble(string reason);

    private sealed record Waiting(Guid Id, JobKind Kind, string Account, DateTime CreatedAt, double? Operations);
}
