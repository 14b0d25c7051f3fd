using System.Diagnostics;
using System.Globalization;
using Ddpm.Faults.Clusters;
using Ddpm.TestSupport;

namespace Ddpm.Faults.Injection;

/// <summary>A worker gets SIGKILL, and its container starts it again.</summary>
internal sealed class WorkerKill : Fault
{
    public override string Name => "SIGKILL of a worker";

    public override string Recovery => "from the kill until each job that it held is in its queue again, or held by another";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (await cluster.BusyAsync(random) is not { } worker)
            return null;
        var (process, at) = (worker.ProcessId, DateTime.UtcNow);
        await worker.KillAsync();
        worker.Start();
        return new Injected(at, [process]);
    }
}

/// <summary>A worker gets SIGKILL, and half of a file of the newest checkpoint of what it trains is gone, as after a crash of the machine.</summary>
internal sealed class TornCheckpoint : Fault
{
    public override string Name => "SIGKILL of a worker, half of a file of its newest checkpoint torn off";

    public override string Recovery => "from the kill until each job that it held is in its queue again, or held by another";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (await cluster.TrainingAsync() is not { } worker)
            return null;
        var (process, at) = (worker.ProcessId, DateTime.UtcNow);
        await worker.KillAsync();
        var newest = await cluster.History.TextsAsync(string.Create(CultureInfo.InvariantCulture, $"""
            SELECT c."ArtifactKey" FROM "Checkpoints" c JOIN "TrainingRuns" r ON r."Id" = c."TrainingRunId" JOIN "Jobs" j ON j."Id" = r."JobId"
            WHERE j."Status" = 'Running' AND j."Owner" LIKE '%:{process}:%' AND c."Resumable" ORDER BY c."Step" DESC LIMIT 1
            """));
        foreach (var key in newest)
            cluster.Tear(key, random);
        worker.Start();
        return new Injected(at, [process]);
    }
}

/// <summary>A worker is frozen for longer than its lease lasts, and goes on afterwards as if nothing had happened.</summary>
internal sealed class WorkerFreeze : Fault
{
    private static readonly TimeSpan Longer = TimeSpan.FromSeconds(3);

    public override string Name => "SIGSTOP of a worker past its lease, then SIGCONT";

    public override string Recovery => "from the signal until each job that it held is in its queue again, or held by another";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (await cluster.BusyAsync(random) is not { } worker)
            return null;
        var at = DateTime.UtcNow;
        await worker.FreezeAsync();
        await Task.Delay((cluster.Settings.Lease * 1.5) + Longer); // the lease, and a round of every reconciler
        await worker.ThawAsync();
        return new Injected(at, [worker.ProcessId]);
    }
}

/// <summary>A worker gets SIGTERM, as at every upgrade, and is started again once it has ended.</summary>
internal sealed class WorkerTermination : Fault
{
    private const int EndedBySignal = 128 + 15;
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(15);

    public override string Name => "SIGTERM of a worker";

    public override string Recovery => "from the signal to the end of the process";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        var training = random.NextDouble() < 0.1 ? null : await cluster.TrainingAsync(); // mostly one that has something to hand back
        if ((training ?? await cluster.BusyAsync(random)) is not { } worker)
            return null;
        var (process, at) = (worker.ProcessId, DateTime.UtcNow);
        var (status, time) = await worker.TerminateAsync();
        // One that has only just begun may not listen to signals yet; the system ends it.
        if (status != 0 && !(status == EndedBySignal && worker.HasPrintedNothing))
            throw new InvalidOperationException($"{worker.Name} ended with {status} at SIGTERM: {worker.Describe()}");
        if (time > Slow)
            Console.WriteLine($"{worker.Name} took {time} to end at SIGTERM: {worker.Describe()}");
        worker.Start();
        return new Injected(at, RecoveredIn: time, Ended: process);
    }
}

/// <summary>All workers are killed, and the API is on its own for a while.</summary>
internal sealed class NoWorkers(Workload workload) : Fault
{
    private static readonly TimeSpan Prompt = TimeSpan.FromSeconds(10);

    public override string Name => "SIGKILL of all workers: the API alone";

    public override string Recovery => "until the API has answered a read and accepted work";

    public override async Task<Injected?> InjectAsync(Cluster cluster, Random random)
    {
        if (cluster.Workers.Any(worker => worker.IsFrozen))
            return null;
        var (processes, at) = (cluster.Workers.Select(worker => worker.ProcessId).ToList(), DateTime.UtcNow);
        await Task.WhenAll(cluster.Workers.Select(worker => worker.KillAsync()));
        var watch = Stopwatch.StartNew();
        await cluster.User.GetAsync("/samples?limit=5");
        await workload.SampleAsync(0);
        var answered = watch.Elapsed;
        foreach (var worker in cluster.Workers)
            worker.Start();
        return answered < Prompt ? new Injected(at, processes, answered) : throw new InvalidOperationException($"Without workers the API took {answered} to answer.");
    }
}

internal static class ClusterExtensions
{
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>A worker that is not frozen and trains a run that has a checkpoint to go on from; null where nobody does for half a minute.</summary>
    public static Task<Node?> TrainingAsync(this Cluster cluster) => Eventually.FindAsync(
        async () =>
        {
            var owners = await cluster.History.TextsAsync("""
                SELECT j."Owner" FROM "Jobs" j JOIN "TrainingRuns" r ON r."JobId" = j."Id" WHERE j."Status" = 'Running' AND EXISTS (SELECT 1 FROM "Checkpoints" c WHERE c."TrainingRunId" = r."Id" AND c."Resumable")
                """);
            return cluster.Awake.FirstOrDefault(worker => owners.Exists(worker.IsOwner));
        },
        Longest);

    /// <summary>A worker that is not frozen: nine times of ten one that holds a job, where one does within half a minute; null where all are frozen.</summary>
    public static async Task<Node?> BusyAsync(this Cluster cluster, Random random)
    {
        var any = random.NextDouble() < 0.1 || !cluster.Awake.Any();
        var chosen = any ? null : await Eventually.FindAsync(() => cluster.HoldersAsync(), Longest);
        chosen ??= [.. cluster.Awake];
        return chosen.Count == 0 ? null : chosen[random.Next(chosen.Count)];
    }

    private static async Task<List<Node>?> HoldersAsync(this Cluster cluster)
    {
        var owners = await cluster.History.TextsAsync("""SELECT "Owner" FROM "Jobs" WHERE "Status" = 'Running'""");
        return cluster.Awake.Where(worker => owners.Exists(worker.IsOwner)).ToList() is { Count: > 0 } holders ? holders : null;
    }
}
