using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Storage;

/// <summary>How much of the disk is used, and what is deleted by itself. Settings of the section <c>Storage</c>; the same in every process.</summary>
public sealed record DiskOptions
{
    /// <summary>Most bytes of all artifacts together. From 1 MiB; null for as many as the disk holds. Work that would need more is refused.</summary>
    [Range(1_048_576.0, 1e18)]
    public long? MaxBytes { get; init; }

    /// <summary>Bytes of the artifacts' file system that work leaves free; only the last checkpoint of a run, and the database if it lies there too, may take of them.
    /// From 0; default 512 MiB.</summary>
    [Range(0.0, 1e18)]
    public long ReserveBytes { get; init; } = 512L << 20;

    /// <summary>From this fraction of what may be used on, <c>GET /system</c> and the log warn. From 0.1 to 1; default 0.9.</summary>
    [Range(0.1, 1.0)]
    public double WarnFraction { get; init; } = 0.9;

    /// <summary>Samples that ended so many days ago are deleted. From 1 to 36,500; null to keep them.</summary>
    [Range(1, 36_500)]
    public int? KeepSamplesDays { get; init; }

    /// <summary>Evaluations that ended so many days ago are deleted. From 1 to 36,500; null to keep them.</summary>
    [Range(1, 36_500)]
    public int? KeepEvaluationsDays { get; init; }

    /// <summary>So many of the newest checkpoints of a run that has ended stay, besides the best and those that are in use. From 1 to 1000; null for as many as the run was
    /// asked to keep.</summary>
    [Range(1, 1000)]
    public int? KeepCheckpoints { get; init; }
}
