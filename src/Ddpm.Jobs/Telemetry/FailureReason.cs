namespace Ddpm.Jobs.Telemetry;

/// <summary>Why jobs fail, in the few words that metrics know.</summary>
public static class FailureReason
{
    /// <summary>What was asked for cannot be done, or is gone.</summary>
    public const string Request = "request";

    /// <summary>A dataset's files.</summary>
    public const string Dataset = "dataset";

    /// <summary>A model's files.</summary>
    public const string Model = "model";

    /// <summary>Weights or pictures are not numbers any more.</summary>
    public const string Diverged = "diverged";

    /// <summary>The hub does not answer, or refuses.</summary>
    public const string Hub = "hub";

    /// <summary>No room on the disk.</summary>
    public const string DiskFull = "disk_full";

    /// <summary>No memory left on the device.</summary>
    public const string OutOfMemory = "out_of_memory";

    /// <summary>libtorch cannot do it here.</summary>
    public const string Runtime = "runtime";

    /// <summary>Too many workers died over it.</summary>
    public const string WorkersDied = "workers_died";

    /// <summary>A fault of the service; its log has the stack.</summary>
    public const string Unexpected = "unexpected";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> All { get; } = [Request, Dataset, Model, Diverged, Hub, DiskFull, OutOfMemory, Runtime, WorkersDied, Unexpected];
}
