using System.ComponentModel.DataAnnotations;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Worker;

/// <summary>Settings of the section <c>Worker</c> that only this process reads.</summary>
internal sealed record WorkerOptions
{
    /// <summary><c>auto</c> (a GPU where there is one), <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    [Required]
    public string Device { get; init; } = "auto";

    /// <summary>Threads of a training run on a CPU, and of drawing there. From 1 to 1024; by default what libtorch chooses: <c>OMP_NUM_THREADS</c>, or one a core.</summary>
    [Range(1, 1024)]
    public int? Threads { get; init; }

    /// <summary>Sample batches that are worked on at once; those of one model share its network's calls. From 1 to 256; default 32.</summary>
    [Range(1, 256)]
    public int SamplingConcurrency { get; init; } = 32;

    /// <summary>Models that stay loaded for the next request; more only while more are in use. From 1 to 64; default 3.</summary>
    [Range(1, 64)]
    public int CachedModels { get; init; } = 3;

    /// <summary>Most bytes of weights of models that stay loaded; more only while they are in use. From 1 MiB to 1 TiB; default a quarter of the device's memory,
    /// no limit where that is not known.</summary>
    [Range(1_048_576.0, 1_099_511_627_776.0)]
    public long? CachedModelBytes { get; init; }

    /// <summary>Most bytes of the device's memory that the samples which are drawn at once need, those of evaluations too, beside the models: more wait for each other, and one that needs more alone fails.
    /// From 1 MiB to 1 TiB; default three quarters of the memory, no limit where that is not known.</summary>
    [Range(1_048_576.0, 1_099_511_627_776.0)]
    public long? MaxMemoryBytes { get; init; }

    /// <summary>Bytes of the device's memory that a training run may need at the very least; one that needs more fails before it begins. From 1 MiB to 1 TiB; default all of it, no limit where that is not known.</summary>
    [Range(1_048_576.0, 1_099_511_627_776.0)]
    public long? MaxTrainingMemoryBytes { get; init; }

    /// <summary>Most bytes of the weights of an imported model. From 1 KiB to 1 TiB; default 8 GiB.</summary>
    [Range(1024.0, 1_099_511_627_776.0)]
    public long MaxModelBytes { get; init; } = DiffusersArchive.UsualMaxWeightBytes;

    /// <summary>Folder of TorchScript files that evaluations may name as feature networks; null for none. They are programs: place only what you trust.</summary>
    public string? FeatureNetworks { get; init; }

    /// <summary>How often a training run records its progress at most. From 10 milliseconds to 10 minutes; default 1 second.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan ProgressInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often the worker says that it lives. From 100 milliseconds to 1 minute; default 5 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:01:00")]
    public TimeSpan Heartbeat { get; init; } = TimeSpan.FromSeconds(5);
}
