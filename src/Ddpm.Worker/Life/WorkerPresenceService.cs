using System.Reflection;
using Ddpm.Engine;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Ddpm.Worker.Life;

/// <summary>Tells everyone that this worker lives, and on what device; takes its row away when it stops.</summary>
internal sealed partial class WorkerPresenceService(
    IDbContextFactory<DdpmDbContext> databases, WorkerIdentity identity, WorkerDevice device, IOptions<WorkerOptions> options, TimeProvider clock,
    ILogger<WorkerPresenceService> logger) : BackgroundService
{
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromMinutes(10);
    private readonly DateTime _startedAt = clock.GetUtcNow().UtcDateTime;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // libtorch is loaded here: a worker that cannot compute must not start.
        LogReady(identity.Name, device.Name);
        if (TorchRuntime.Caveat is { } caveat)
            LogCaveat(caveat);
        await TryAsync(() => SayAsync(cancellationToken));
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await TryAsync(async () =>
        {
            await using var db = await databases.CreateDbContextAsync(cancellationToken);
            await db.Workers.Where(worker => worker.Name == identity.Name).ExecuteDeleteAsync(cancellationToken);
        });
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.Value.Heartbeat, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await TryAsync(() => SayAsync(stoppingToken));
    }

    private async Task TryAsync(Func<Task> say)
    {
        try
        {
            await say();
        }
#pragma warning disable CA1031 // A database that is away for a while must not end the worker, nor keep it from starting or ending in order.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogTrouble(reason.Message);
        }
    }

    private async Task SayAsync(CancellationToken cancellationToken)
    {
        await using var db = await databases.CreateDbContextAsync(cancellationToken);
        var now = await db.NowAsync(clock, cancellationToken);
        var known = await db.Workers.Where(worker => worker.Name == identity.Name)
            .ExecuteUpdateAsync(set => set.SetProperty(worker => worker.SeenAt, now), cancellationToken);
        if (known == 0)
        {
            db.Workers.Add(new WorkerPresence
            {
                Name = identity.Name,
                Device = device.Name,
                DeviceMemoryBytes = device.MemoryBytes,
                Version = typeof(WorkerPresenceService).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
                StartedAt = _startedAt,
                SeenAt = now,
            });
            await db.SaveChangesAsync(cancellationToken);
        }

        var forgotten = now - ForgottenAfter;
        await db.Workers.Where(worker => worker.SeenAt < forgotten).ExecuteDeleteAsync(cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Worker {Name} computes on {Device}.")]
    private partial void LogReady(string name, string device);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Caveat}")]
    private partial void LogCaveat(string caveat);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The heartbeat could not be recorded: {Reason}")]
    private partial void LogTrouble(string reason);
}
