using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Life;

/// <summary>Runs <see cref="JobReconciler"/> at the start of every process and every so often after it, <see cref="Retention"/> and <see cref="LeftoverSweeper"/> now and then,
/// and warns while the disk is nearly full.</summary>
internal sealed partial class JobReconcilerService(
    JobReconciler reconciler, LeftoverSweeper sweeper, Retention retention, DiskSpace disk, JobMetrics metrics, IOptions<LeaseOptions> options, IOptions<LeftoverOptions> leftovers, TimeProvider clock,
    ILogger<JobReconcilerService> logger)
    : BackgroundService
{
    private static readonly TimeSpan WarnInterval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);

    // Each at its own pace: in a large store it takes minutes to look for what is left over, and no dead worker's job waits for that.
    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.BeginAtZero();
        return Task.WhenAll(ReconcileAsync(stoppingToken), CleanAsync(stoppingToken));
    }

    private async Task ReconcileAsync(CancellationToken stoppingToken)
    {
        await TryAsync(() => reconciler.EndLeasesOfTheDeadAsync(stoppingToken));
        using var timer = new PeriodicTimer(options.Value.ReconcileInterval, clock);
        do
        {
            // After a short restart of the database nothing is to wait for a whole round more.
            for (var pause = FirstPause; !await TryAsync(() => reconciler.ReconcileAsync(stoppingToken)) && pause < options.Value.ReconcileInterval; pause *= 2)
                await Task.Delay(pause, clock, stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task CleanAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.ReconcileInterval, clock);
        long? swept = null, warned = null; // timestamps: the time of day may be set
        do
        {
            if (IsDue(warned, WarnInterval) && await WarnAsync())
                warned = clock.GetTimestamp();
            if (!IsDue(swept, leftovers.Value.SweepInterval))
                continue;
            swept = clock.GetTimestamp();
            await TryAsync(() => retention.DeleteOldAsync(stoppingToken));
            await TryAsync(() => sweeper.SweepAsync(stoppingToken));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private bool IsDue(long? last, TimeSpan interval) => last is not { } timestamp || clock.GetElapsedTime(timestamp) >= interval;

    private async Task<bool> WarnAsync()
    {
        var isTight = false;
        await TryAsync(() => Task.Run(() => // counting takes a while
        {
            var usage = disk.Usage();
            isTight = disk.IsTight(usage);
            if (isTight)
                LogTight(usage.Sentence);
        }));
        return isTight;
    }

    private async Task<bool> TryAsync(Func<Task> work)
    {
        try
        {
            await work();
            return true;
        }
#pragma warning disable CA1031 // A database that is away for a while must not end the process.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogFailure(reason);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Room for artifacts is running out: {Usage}.")]
    private partial void LogTight(string usage);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Jobs or leftovers could not be looked through; it will be tried again.")]
    private partial void LogFailure(Exception exception);
}
