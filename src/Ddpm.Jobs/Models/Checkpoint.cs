namespace Ddpm.Jobs.Models;

/// <summary>A diffusers folder among the artifacts: made by a training run, or imported.</summary>
public sealed class Checkpoint
{
    /// <summary>UUIDv7.</summary>
    public required Guid Id { get; init; }

    /// <summary>Whose it is: a name of <see cref="Accounts.Account"/>, that of its run or import.</summary>
    public string Account { get; init; } = Accounts.Account.Local;

    /// <summary>The run that made it; null for an imported one.</summary>
    public Guid? TrainingRunId { get; init; }

    /// <summary>Optimizer step; 0 for an imported one.</summary>
    public long Step { get; init; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public double Epoch { get; init; }

    /// <summary>Mean loss over the latest steps before it.</summary>
    public double? Loss { get; init; }

    /// <summary>Whether <c>unet/</c> holds the moving average of the weights.</summary>
    public bool Ema { get; init; }

    /// <summary>Whether <c>training/</c> is there, so that a run can go on from it.</summary>
    public bool Resumable { get; init; }

    /// <summary>Parameters of the network.</summary>
    public long Parameters { get; init; }

    /// <summary>Floating-point operations of one call of the network for one picture of <see cref="Resolution"/>; null until a worker has worked it out.</summary>
    public double? Operations { get; init; }

    /// <summary>Side of its pictures, in pixels.</summary>
    public int Resolution { get; init; }

    /// <summary>Colour channels of its pictures.</summary>
    public int Channels { get; init; }

    /// <summary><c>unet/config.json</c>, as JSON text.</summary>
    public required string NetworkConfig { get; init; }

    /// <summary><c>scheduler/scheduler_config.json</c>, as JSON text.</summary>
    public required string SchedulerConfig { get; init; }

    /// <summary>Bytes of all files.</summary>
    public long Bytes { get; init; }

    /// <summary>SHA-256 of <c>unet/diffusion_pytorch_model.safetensors</c>, hexadecimal.</summary>
    public required string Sha256 { get; init; }

    /// <summary>Artifact key of the folder.</summary>
    public required string ArtifactKey { get; init; }

    /// <summary>When (UTC).</summary>
    public required DateTime CreatedAt { get; init; }
}
