using Ddpm.Jobs.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ddpm.Jobs.Life;

/// <summary>Runs <see cref="JobReconciler"/> at the start of every process and every so often after it, and <see cref="LeftoverSweeper"/> now and then.</summary>
internal sealed partial class JobReconcilerService(
    JobReconciler reconciler, LeftoverSweeper sweeper, IOptions<LeaseOptions> options, IOptions<LeftoverOptions> leftovers, TimeProvider clock, ILogger<JobReconcilerService> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await TryAsync(() => reconciler.EndLeasesOfTheDeadAsync(stoppingToken));
        using var timer = new PeriodicTimer(options.Value.ReconcileInterval, clock);
        DateTimeOffset? swept = null;
        do
        {
            await TryAsync(() => reconciler.ReconcileAsync(stoppingToken));
            if (swept + leftovers.Value.SweepInterval > clock.GetUtcNow())
                continue;
            swept = clock.GetUtcNow();
            await TryAsync(() => sweeper.SweepAsync(stoppingToken));
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task TryAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
#pragma warning disable CA1031 // A database that is away for a while must not end the process.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogFailure(reason);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Jobs or leftovers could not be looked through; it will be tried again.")]
    private partial void LogFailure(Exception exception);
}
