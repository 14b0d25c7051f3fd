using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;

namespace Ddpm.Jobs.Life;

/// <summary>The right to work on a job and to write what comes of it. Every write checks the fencing token in its own transaction.</summary>
/// <remarks>A thread of its own renews the lease and looks for requests to stop; it lives until the job ends or the lease is disposed.
/// Writes are synchronous, because the work they report runs on a thread of its own; they wait out passing trouble of the database for as
/// long as the lease lasts.</remarks>
public sealed partial class JobLease : IDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(250);

    private readonly IDbContextFactory<DdpmDbContext> _databases;
    private readonly LeaseOptions _options;
    private readonly TimeProvider _clock;
    private readonly JobMetrics _metrics;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenRegistration _shutdown;
    private readonly ManualResetEventSlim _finished = new();
    private readonly Thread _keeper;
    private KnownTime _known;
    private long _renewedAt; // A timestamp of the clock, taken before the row was written.
    private int _reason;
    private double _progress;
    private double _writtenProgress;

    internal JobLease(
        Job job, long claimedAt, IDbContextFactory<DdpmDbContext> databases, LeaseOptions options, TimeProvider clock, JobMetrics metrics, ILogger logger,
        CancellationToken shutdown)
    {
        Job = job;
        _known = new KnownTime(job.LeaseExpiresAt!.Value - options.LeaseDuration, claimedAt);
        _renewedAt = claimedAt;
        _progress = _writtenProgress = job.Progress;
        (_databases, _options, _clock, _metrics, _logger) = (databases, options, clock, metrics, logger);
        _shutdown = shutdown.Register(() => RequestStop(StopReason.Shutdown));
        _keeper = new Thread(Keep) { IsBackground = true, Name = $"lease of job {job.Id}" };
        _keeper.UnsafeStart(); // with ids and span of its own, not of whoever claims
    }

    /// <summary>The row as it was claimed.</summary>
    public Job Job { get; }

    /// <summary>The fencing token.</summary>
    public long Epoch => Job.LeaseEpoch;

    /// <summary>Cancelled when the work is to stop, for whatever reason.</summary>
    public CancellationToken Stop => _stop.Token;

    /// <summary>The first reason for which the work is to stop, except that a lost lease outweighs the others.</summary>
    public StopReason StopReason => (StopReason)Volatile.Read(ref _reason);

    /// <summary>The time by the clock that leases are judged by, of which this process's may be off, or set (UTC): what has passed here since the lease was renewed, on top of when that was.</summary>
    public DateTime Now
    {
        get
        {
            var known = Volatile.Read(ref _known);
            return known.Time + _clock.GetElapsedTime(known.Timestamp);
        }
    }

    /// <summary>Fraction done, from 0 to 1. Setting it costs nothing, from whatever thread; the row follows within <see cref="LeaseOptions.CancelPoll"/>.</summary>
    public double Progress
    {
        get => Volatile.Read(ref _progress);
        set => Volatile.Write(ref _progress, Math.Clamp(value, 0, 1));
    }

    /// <summary>Writes to any tables, if and only if this lease still holds the job.</summary>
    /// <param name="change">Changes rows, by tracking or by statements; saved and committed afterwards. Runs again after passing trouble, so
    /// it must not fail if an earlier try was committed after all.</param>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void Write(Action<DdpmDbContext> change)
    {
        ArgumentNullException.ThrowIfNull(change);

        // Setting the epoch to itself takes the row's lock, so that no claim can come between the check and the commit.
        Commit(held => held.ExecuteUpdate(set => set.SetProperty(j => j.LeaseEpoch, Epoch)), change);
    }

    /// <summary>Ends the job well, together with its result, which is written as by <see cref="Write"/>.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void Succeed(Action<DdpmDbContext> result) => End(JobStatus.Succeeded, error: null, result);

    /// <summary>Ends the job with a message that its user can act on.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void Fail(string error) => End(JobStatus.Failed, DatabaseText.Storable(error), result: null); // which may quote a file

    /// <summary>Ends the job as its user asked.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void Cancel() => End(JobStatus.Cancelled, error: null, result: null);

    /// <summary>Gives the job back to the queue, for this or another worker to go on with; one that is to be cancelled ends instead.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void HandBack()
    {
        _finished.Set();
        var now = Now;
        Commit(
            held => held.ExecuteUpdate(set => set
                .SetProperty(j => j.Status, j => j.CancelRequested ? JobStatus.Cancelled : JobStatus.Queued)
                .SetProperty(j => j.Progress, Progress)
                .SetProperty(j => j.LeaseExpiresAt, (DateTime?)null)
                .SetProperty(j => j.EndedAt, j => j.CancelRequested ? now : null)),
            change: null,
            JobStatus.Queued,
            JobStatus.Cancelled);
    }

    /// <summary>Lets the lease run out at once, or in its time where the database stays away: the next round of a reconciler treats the job as one whose worker died, and counts it so.</summary>
    /// <exception cref="LeaseLostException">The lease is lost; nothing was written.</exception>
    public void GiveUp()
    {
        _finished.Set();
        _keeper.Join(); // it may be about to renew
        try
        {
            Commit(held => held.ExecuteUpdate(set => set.SetProperty(j => j.LeaseExpiresAt, DateTime.UnixEpoch)), change: null);
        }
        catch (Exception reason) when (DatabaseErrors.IsTransient(reason))
        {
            LogTrouble(Job.Id, reason.Message); // it has run out by now
        }
    }

    /// <summary>Stops renewing. A job that has not been ended or handed back is taken over once the lease has run out.</summary>
    public void Dispose()
    {
        _finished.Set();
        _keeper.Join();
        _shutdown.Dispose();
        _stop.Dispose();
        _finished.Dispose();
    }

    private void End(JobStatus status, string? error, Action<DdpmDbContext>? result)
    {
        _finished.Set();
        var now = Now;
        Commit(
            held => held.ExecuteUpdate(set => set
                .SetProperty(j => j.Status, status)
                .SetProperty(j => j.Error, error)
                .SetProperty(j => j.Progress, status == JobStatus.Succeeded ? 1 : Progress)
                .SetProperty(j => j.LeaseExpiresAt, (DateTime?)null)
                .SetProperty(j => j.EndedAt, now)),
            result,
            status);
    }

    // A connection can break after the commit and before the answer: what is found then is this one's outcome, or a reconciler's that did the same.
    private void Commit(Func<IQueryable<Job>, int> fence, Action<DdpmDbContext>? change, params JobStatus[] outcomes)
    {
        var triedBefore = false;
        while (StopReason != StopReason.LeaseLost)
        {
            using var db = _databases.CreateDbContext();
            try
            {
                using var transaction = db.Database.BeginTransaction();
                if (fence(Held(db)) == 0)
                {
                    if (triedBefore && db.Jobs.Any(j => j.Id == Job.Id && j.LeaseEpoch == Epoch && outcomes.Contains(j.Status)))
                        return;
                    break;
                }

                change?.Invoke(db);
                db.SaveChanges();
                transaction.Commit();
                return;
            }
            catch (Exception reason) when ((DatabaseErrors.IsTransient(reason) || reason is TimeoutException || db.HasLostItsConnection) && !HasRunOut())
            {
                LogTrouble(Job.Id, reason.Message);
                triedBefore = true;
                Thread.Sleep(RetryPause);
            }
            catch (InvalidOperationException) when (db.HasLostItsConnection)
            {
                break;
            }
        }

        RequestStop(StopReason.LeaseLost);
        throw new LeaseLostException();
    }

    private IQueryable<Job> Held(DdpmDbContext db) =>
        db.Jobs.Where(j => j.Id == Job.Id && j.LeaseEpoch == Epoch && j.Status == JobStatus.Running);

    private void Keep()
    {
        using var ids = JobScope.Begin(_logger, Job);
        while (!_finished.Wait(_options.CancelPoll))
        {
            try
            {
                using var db = _databases.CreateDbContext();
                db.Database.SetCommandTimeout(_options.LeaseRenewal > TimeSpan.FromSeconds(1) ? _options.LeaseRenewal : TimeSpan.FromSeconds(1));
                if (!Look(db) && !_finished.IsSet)
                    RequestStop(StopReason.LeaseLost);
            }
#pragma warning disable CA1031 // Nothing may end this thread: whatever it is, the lease runs out if it lasts.
            catch (Exception reason)
#pragma warning restore CA1031
            {
                LogTrouble(Job.Id, reason.Message);
            }

            if (StopReason != StopReason.LeaseLost && HasRunOut())
                RequestStop(StopReason.LeaseLost);
            if (StopReason == StopReason.LeaseLost)
                return;
        }
    }

    private bool Look(DdpmDbContext db)
    {
        if (_clock.GetElapsedTime(Volatile.Read(ref _renewedAt)) >= _options.LeaseRenewal)
        {
            var timestamp = _clock.GetTimestamp();
            var now = db.Now(_clock);
            Volatile.Write(ref _known, new KnownTime(now, timestamp));
            var expiresAt = now + _options.LeaseDuration;
            if (Held(db).ExecuteUpdate(set => set.SetProperty(j => j.LeaseExpiresAt, expiresAt)) == 0)
            {
                if (!_finished.IsSet)
                    _metrics.Renewed(false);
                return false;
            }

            _metrics.Renewed(true);
            Volatile.Write(ref _renewedAt, timestamp);
        }

        var cancelRequested = Held(db).Select(j => (bool?)j.CancelRequested).SingleOrDefault();
        if (cancelRequested == true)
            RequestStop(StopReason.CancelRequested);

        if (Progress is var progress && progress != _writtenProgress)
        {
            Held(db).ExecuteUpdate(set => set.SetProperty(j => j.Progress, progress));
            _writtenProgress = progress;
        }

        return cancelRequested is not null;
    }

    private bool HasRunOut() => _clock.GetElapsedTime(Volatile.Read(ref _renewedAt)) >= _options.LeaseDuration;

    private void RequestStop(StopReason reason)
    {
        var before = (StopReason)Interlocked.CompareExchange(ref _reason, (int)reason, (int)StopReason.None);
        if (reason == StopReason.LeaseLost && before != StopReason.LeaseLost)
        {
            Volatile.Write(ref _reason, (int)StopReason.LeaseLost);
            _metrics.Lost(seenByHolder: true);
            LogLost(Job.Id, Epoch);
        }

        _stop.Cancel();
    }

    // What time it was at a timestamp of the process's clock.
    private sealed record KnownTime(DateTime Time, long Timestamp);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database does not answer job {JobId}: {Reason}")]
    private partial void LogTrouble(Guid jobId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Lost the lease of job {JobId} (epoch {Epoch}); its work stops and writes nothing more.")]
    private partial void LogLost(Guid jobId, long epoch);
}
