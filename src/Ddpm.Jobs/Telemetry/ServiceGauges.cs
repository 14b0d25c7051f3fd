using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Jobs.Telemetry;

/// <summary>How the whole service stands, read from the database and the disk when it is asked for: queues, workers, room. One process shows it for all.</summary>
/// <remarks>A database that does not answer within <see cref="Patience"/> costs the reader its gauges, never the answer.</remarks>
public sealed class ServiceGauges : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1); // one reading serves all the gauges of an answer

    private readonly Meter _meter = new(Tracing.Name);
    private readonly Lock _lock = new();
    private readonly IDbContextFactory<DdpmDbContext> _databases;
    private readonly TimeProvider _clock;
    private Reading? _reading;
    private long _readAt;

    /// <summary>Begins to be read.</summary>
    public ServiceGauges(IDbContextFactory<DdpmDbContext> databases, DiskSpace disk, TimeProvider clock)
    {
        ArgumentNullException.ThrowIfNull(disk);
        (_databases, _clock) = (databases, clock);
        _meter.CreateObservableGauge("ddpm.queue.depth", () => OfQueues(queue => queue.Queued), "{job}", "Jobs that wait.");
        _meter.CreateObservableGauge("ddpm.queue.age", () => OfQueues(queue => queue.Age.TotalSeconds), "s", "How long the job that came first has waited; 0 where none waits.");
        _meter.CreateObservableGauge("ddpm.queue.running", () => OfQueues(queue => queue.Running), "{job}", "Jobs that workers hold.");
        _meter.CreateObservableGauge("ddpm.workers", () => Read() is { } reading ? [new(reading.Workers)] : Array.Empty<Measurement<int>>(), "{worker}", "Workers heard of in the last half minute.");
        _meter.CreateObservableGauge("ddpm.database.up", () => Read() is null ? 0 : 1, "{database}", "1 where the database answers, else 0.");
        _meter.CreateObservableGauge("ddpm.disk.room", () => OfDisk(disk, usage => usage.RoomBytes), "By", "What can still be written.");
        _meter.CreateObservableGauge("ddpm.disk.limit", () => OfDisk(disk, usage => usage.LimitBytes), "By", "What could be written were there nothing.");
        _meter.CreateObservableGauge("ddpm.disk.free", () => OfDisk(disk, usage => usage.FreeBytes), "By", "What the file system has left, reserve included.");
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> OfDisk(DiskSpace disk, Func<DiskUsage, long> value)
    {
        try
        {
            return [new(value(disk.Usage()))];
        }
        catch (Exception reason) when (reason is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private IEnumerable<Measurement<T>> OfQueues<T>(Func<QueueReading, T> value)
        where T : struct =>
        Read() is { } reading ? reading.Queues.Select(queue => new Measurement<T>(value(queue), new KeyValuePair<string, object?>("queue", queue.Name))) : [];

    private Reading? Read()
    {
        lock (_lock)
        {
            if (_readAt == 0 || Stopwatch.GetElapsedTime(_readAt) >= Fresh)
            {
                _reading = TryRead();
                _readAt = Stopwatch.GetTimestamp();
            }

            return _reading;
        }
    }

    private Reading? TryRead()
    {
        using var patience = new CancellationTokenSource(Patience);
        var reading = Task.Run(() => ReadAsync(patience.Token));
        try
        {
            return reading.Wait(Patience) ? reading.Result : null;
        }
        catch (AggregateException)
        {
            return null; // what is wrong is said by readiness, and by ddpm.database.up
        }
    }

    private async Task<Reading> ReadAsync(CancellationToken cancellationToken)
    {
        await using var db = await _databases.CreateDbContextAsync(cancellationToken);
        var now = await db.NowAsync(_clock, cancellationToken);
        var since = now - WorkerPresence.Limit;
        var workers = await db.Workers.CountAsync(worker => worker.SeenAt >= since, cancellationToken);
        var queues = await QueueCounts.ReadAsync(db, cancellationToken);
        return new Reading([.. queues.Select(queue => new QueueReading(queue.Queue, queue.Queued, queue.Running, queue.WaitingSince < now ? now - queue.WaitingSince.Value : TimeSpan.Zero))], workers);
    }

    private sealed record Reading(IReadOnlyList<QueueReading> Queues, int Workers);

    private sealed record QueueReading(string Name, int Queued, int Running, TimeSpan Age);
}
