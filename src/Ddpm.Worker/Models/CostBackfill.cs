using Ddpm.Engine.Networks;
using Ddpm.Jobs.Storage;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Worker.Models;

/// <summary>Works out what the networks cost of checkpoints that an earlier version has registered.</summary>
internal sealed partial class CostBackfill(IDbContextFactory<DdpmDbContext> databases, ILogger<CostBackfill> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await using var db = await databases.CreateDbContextAsync(stoppingToken);
            var unknown = await db.Checkpoints.Where(checkpoint => checkpoint.Operations == null)
                .Select(checkpoint => new { checkpoint.Id, checkpoint.NetworkConfig, checkpoint.Resolution }).ToListAsync(stoppingToken);
            foreach (var checkpoint in unknown)
            {
                var operations = NetworkOperations.PerPicture(UNetConfig.FromJson(checkpoint.NetworkConfig), checkpoint.Resolution);
                await db.Checkpoints.Where(row => row.Id == checkpoint.Id && row.Operations == null)
                    .ExecuteUpdateAsync(set => set.SetProperty(row => row.Operations, operations), stoppingToken);
            }
        }
#pragma warning disable CA1031 // Until it is known at the next start, what they cost is not limited.
        catch (Exception reason) when (reason is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LogTrouble(reason.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What older checkpoints cost could not be worked out: {Reason}")]
    private partial void LogTrouble(string reason);
}
