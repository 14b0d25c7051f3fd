using System.Collections.Concurrent;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Life;

/// <summary>How full the queues are, so cheaply that every request may ask: counted once a second at most, and what this process adds is counted on in between.</summary>
/// <remarks>What other processes add, and what workers take, is seen a second later.</remarks>
public sealed class QueueLoads(IDbContextFactory<DdpmDbContext> databases, TimeProvider clock)
{
    private const int PaceOf = 10;
    private static readonly TimeSpan GoodFor = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Queue> _queues = new();

    /// <summary>How many jobs wait in a queue, as far as is known.</summary>
    /// <param name="kind">Any kind that waits in it.</param>
    /// <param name="account">Whose share is counted.</param>
    /// <param name="exactly">Whether it is counted now.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<QueueLoad> ReadAsync(JobKind kind, string account, bool exactly = false, CancellationToken cancellationToken = default)
    {
        var queue = _queues.GetOrAdd(Queues.Of(kind), _ => new Queue());
        var now = clock.GetTimestamp();
        var since = exactly ? now : now - (long)(GoodFor.TotalSeconds * clock.TimestampFrequency);
        if (!queue.IsCountedSince(since))
        {
            // One counts; others who come meanwhile are content with what was known, where anything was.
            var isOnesTurn = await queue.Counting.WaitAsync(exactly || !queue.IsKnown ? Timeout.InfiniteTimeSpan : TimeSpan.Zero, cancellationToken);
            try
            {
                var begun = clock.GetTimestamp();
                if (isOnesTurn && !queue.IsCountedSince(since))
                    queue.Set(await CountAsync(kind, cancellationToken), begun);
            }
            finally
            {
                if (isOnesTurn)
                    queue.Counting.Release();
            }
        }

        return queue.LoadOf(account);
    }

    /// <summary>Counts a job that this process is about to put into its queue.</summary>
    public void Add(JobKind kind, string account)
    {
        if (_queues.TryGetValue(Queues.Of(kind), out var queue))
            queue.Add(account);
    }

    /// <summary>How fast a queue moves: the time between two jobs of it that ended lately.</summary>
    /// <returns>Null where too few have.</returns>
    public async Task<TimeSpan?> PaceAsync(JobKind kind, CancellationToken cancellationToken = default)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        List<DateTime> ends = [];
        foreach (var one in Queues.KindsBeside(kind)) // each from its index, whatever else has ended
            ends.AddRange(await db.Jobs.Where(job => job.Kind == one && job.EndedAt != null && job.StartedAt != null).OrderByDescending(job => job.EndedAt).Take(PaceOf).Select(job => job.EndedAt!.Value).ToListAsync(cancellationToken));
        var last = ends.OrderDescending().Take(PaceOf).ToList();
        return last.Count < 2 ? null : (last[0] - last[^1]) / (last.Count - 1);
    }

    private async Task<Dictionary<string, int>> CountAsync(JobKind kind, CancellationToken cancellationToken)
    {
        var kinds = Queues.KindsBeside(kind);
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        return await db.Jobs.Where(job => job.Status == JobStatus.Queued && kinds.Contains(job.Kind)).GroupBy(job => job.Account)
            .Select(jobs => new { Account = jobs.Key, Count = jobs.Count() }).ToDictionaryAsync(jobs => jobs.Account, jobs => jobs.Count, cancellationToken);
    }

    private sealed class Queue
    {
        private readonly Lock _lock = new();
        private Dictionary<string, int>? _waiting;
        private long _countedAt;

        public SemaphoreSlim Counting { get; } = new(1);

        public bool IsKnown
        {
            get
            {
                lock (_lock)
                    return _waiting is not null;
            }
        }

        public bool IsCountedSince(long timestamp)
        {
            lock (_lock)
                return _waiting is not null && _countedAt >= timestamp;
        }

        public void Set(Dictionary<string, int> waiting, long countedAt)
        {
            lock (_lock)
                (_waiting, _countedAt) = (waiting, countedAt);
        }

        public void Add(string account)
        {
            lock (_lock)
            {
                if (_waiting is not null)
                    _waiting[account] = _waiting.GetValueOrDefault(account) + 1;
            }
        }

        public QueueLoad LoadOf(string account)
        {
            lock (_lock)
                return _waiting is null ? new QueueLoad(0, 0) : new QueueLoad(_waiting.Values.Sum(), _waiting.GetValueOrDefault(account));
        }
    }
}

/// <summary>How full a queue is.</summary>
/// <param name="Waiting">Jobs that wait in it.</param>
/// <param name="OfAccount">Of them, those of one account.</param>
public sealed record QueueLoad(int Waiting, int OfAccount);
