using System.Text.Json;
using Ddpm.Api.Http;
using Ddpm.Jobs.Models;

namespace Ddpm.Api.Checkpoints;

/// <summary>A diffusers folder: made by a training run, or imported.</summary>
internal sealed record CheckpointView
{
    public CheckpointView(Checkpoint checkpoint, IReadOnlyList<string> models)
    {
        Id = checkpoint.Id;
        TrainingRunId = checkpoint.TrainingRunId;
        Models = models;
        Step = checkpoint.Step;
        Epoch = checkpoint.Epoch;
        Loss = checkpoint.Loss.Finite();
        Ema = checkpoint.Ema;
        Resumable = checkpoint.Resumable;
        Parameters = checkpoint.Parameters;
        Resolution = checkpoint.Resolution;
        Channels = checkpoint.Channels;
        Network = Json(checkpoint.NetworkConfig);
        Scheduler = Json(checkpoint.SchedulerConfig);
        Bytes = checkpoint.Bytes;
        Sha256 = checkpoint.Sha256;
        CreatedAt = checkpoint.CreatedAt;
        Links = new($"/checkpoints/{Id}", $"/checkpoints/{Id}/archive", TrainingRunId is null ? null : $"/training-runs/{TrainingRunId}");
    }

    /// <summary>A UUIDv7: ids sort by creation.</summary>
    public Guid Id { get; }

    /// <summary>The run that made it; null for an imported one.</summary>
    public Guid? TrainingRunId { get; }

    /// <summary>The models that are this checkpoint.</summary>
    public IReadOnlyList<string> Models { get; }

    /// <summary>Optimizer step; 0 for an imported one.</summary>
    public long Step { get; }

    /// <summary>Passes over the dataset, fractional.</summary>
    public double Epoch { get; }

    /// <summary>Mean loss over the latest steps before it.</summary>
    public double? Loss { get; }

    /// <summary>Whether its weights are the moving average.</summary>
    public bool Ema { get; }

    /// <summary>Whether a run can go on from it.</summary>
    public bool Resumable { get; }

    /// <summary>Parameters of the network.</summary>
    public long Parameters { get; }

    /// <summary>Side of its pictures, in pixels.</summary>
    public int Resolution { get; }

    /// <summary>Colour channels of its pictures.</summary>
    public int Channels { get; }

    /// <summary><c>unet/config.json</c>.</summary>
    public JsonElement Network { get; }

    /// <summary><c>scheduler/scheduler_config.json</c>.</summary>
    public JsonElement Scheduler { get; }

    /// <summary>Bytes of all files.</summary>
    public long Bytes { get; }

    /// <summary>SHA-256 of <c>unet/diffusion_pytorch_model.safetensors</c>, hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>When it was made.</summary>
    public DateTime CreatedAt { get; }

    /// <summary>Where to go from here.</summary>
    public CheckpointLinks Links { get; }

    // Configurations written by others may hold what strict JSON lacks (-Infinity); they are then shown as text.
    private static JsonElement Json(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return JsonSerializer.SerializeToElement(text);
        }
    }
}

/// <summary>Addresses around a checkpoint.</summary>
/// <param name="Self">This resource.</param>
/// <param name="Archive">The diffusers folder as a zip.</param>
/// <param name="TrainingRun">The run that made it; null for an imported one.</param>
internal sealed record CheckpointLinks(string Self, string Archive, string? TrainingRun);
