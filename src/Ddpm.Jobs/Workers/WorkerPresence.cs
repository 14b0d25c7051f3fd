namespace Ddpm.Jobs.Workers;

/// <summary>A worker process that lives, or did: it renews <see cref="SeenAt"/> every few seconds.</summary>
public sealed class WorkerPresence
{
    /// <summary>A worker that was not heard of for so long is taken to be gone.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Host name, process id and a random suffix.</summary>
    public required string Name { get; init; }

    /// <summary>Device it computes on, e.g. <c>cpu</c> or <c>cuda:0 (NVIDIA GeForce RTX 4090)</c>.</summary>
    public required string Device { get; init; }

    /// <summary>Bytes of device memory; null where it is not known.</summary>
    public long? DeviceMemoryBytes { get; set; }

    /// <summary>Version of the program.</summary>
    public required string Version { get; init; }

    /// <summary>When it started (UTC).</summary>
    public required DateTime StartedAt { get; init; }

    /// <summary>When it was last heard of (UTC).</summary>
    public DateTime SeenAt { get; set; }
}
