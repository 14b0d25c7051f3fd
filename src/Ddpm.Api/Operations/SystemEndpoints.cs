using System.Reflection;
using Ddpm.Api.OpenApi;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Storage;
using Ddpm.Jobs.Workers;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Ddpm.Api.Operations;

/// <summary>What is running, and how busy it is.</summary>
internal static class SystemEndpoints
{
    private static readonly string Version =
        typeof(SystemEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public static void MapSystem(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/system", GetAsync).WithTags("System").WithName("GetSystem")
            .Describe("Look at the system", "Version, workers with their devices, queues, the disk, and how much there is of everything.");

    private static async Task<Ok<SystemView>> GetAsync(DdpmDbContext db, DiskSpace disk, TimeProvider clock, CancellationToken cancellationToken)
    {
        var since = await db.NowAsync(clock, cancellationToken) - WorkerPresence.Limit;
        var workers = await db.Workers.AsNoTracking().Where(worker => worker.SeenAt >= since).OrderBy(worker => worker.Name).ToListAsync(cancellationToken);
        var queues = await QueueCounts.ReadAsync(db, cancellationToken);
        var usage = disk.Usage();
        return TypedResults.Ok(new SystemView
        {
            Version = Version,
            Workers = [.. workers.Select(worker => new WorkerView(worker))],
            Queues = [.. queues.Select(queue => new QueueView(queue.Queue, queue.Queued, queue.Running))],
            Disk = new DiskView(usage, disk.IsTight(usage)),
            Datasets = await db.Datasets.CountAsync(dataset => dataset.DeletedAt == null, cancellationToken),
            TrainingRuns = await db.TrainingRuns.CountAsync(cancellationToken),
            Checkpoints = await db.Checkpoints.CountAsync(cancellationToken),
            Models = await db.Models.CountAsync(cancellationToken),
            Samples = await db.SampleBatches.CountAsync(cancellationToken),
            Evaluations = await db.Evaluations.CountAsync(cancellationToken),
        });
    }
}

/// <summary>What is running, and how busy it is.</summary>
internal sealed record SystemView
{
    /// <summary>Version of the program.</summary>
    public required string Version { get; init; }

    /// <summary>Workers heard of in the last half minute. Without any, work waits in its queue.</summary>
    public required IReadOnlyList<WorkerView> Workers { get; init; }

    /// <summary>The queues.</summary>
    public required IReadOnlyList<QueueView> Queues { get; init; }

    /// <summary>Where the artifacts lie.</summary>
    public required DiskView Disk { get; init; }

    /// <summary>How many datasets there are.</summary>
    public required int Datasets { get; init; }

    /// <summary>How many training runs there are.</summary>
    public required int TrainingRuns { get; init; }

    /// <summary>How many checkpoints there are.</summary>
    public required int Checkpoints { get; init; }

    /// <summary>How many models there are.</summary>
    public required int Models { get; init; }

    /// <summary>How many sample requests there are.</summary>
    public required int Samples { get; init; }

    /// <summary>How many evaluations there are.</summary>
    public required int Evaluations { get; init; }
}

/// <summary>A queue.</summary>
/// <param name="Name">training, sampling, evaluation or data.</param>
/// <param name="Queued">Jobs that wait.</param>
/// <param name="Running">Jobs that workers hold.</param>
internal sealed record QueueView(string Name, int Queued, int Running);

/// <summary>A worker process.</summary>
internal sealed record WorkerView
{
    public WorkerView(WorkerPresence worker)
    {
        Name = worker.Name;
        Device = worker.Device;
        DeviceMemoryBytes = worker.DeviceMemoryBytes;
        Version = worker.Version;
        StartedAt = worker.StartedAt;
        SeenAt = worker.SeenAt;
    }

    /// <summary>Host name, process id and a random suffix.</summary>
    public string Name { get; }

    /// <summary>Device it computes on.</summary>
    public string Device { get; }

    /// <summary>Bytes of device memory; null where it is not known.</summary>
    public long? DeviceMemoryBytes { get; }

    /// <summary>Version of its program.</summary>
    public string Version { get; }

    /// <summary>When it started.</summary>
    public DateTime StartedAt { get; }

    /// <summary>When it was last heard of.</summary>
    public DateTime SeenAt { get; }
}
