using System.ComponentModel.DataAnnotations;
using Ddpm.Api.Http;
using Ddpm.Jobs.Sampling;

namespace Ddpm.Api.Samples;

/// <summary>What pictures to draw, with which network, and how. Every field is optional; the seed decides the pictures.</summary>
[BodyLimit(6 << 20)]
internal sealed record CreateSamples : SamplingSpec
{
    /// <summary>A model's name. At most one of model, checkpointId and trainingRunId; none means the default model.</summary>
    [StringLength(64, MinimumLength = 1)]
    public string? Model { get; init; }

    /// <summary>A checkpoint's id.</summary>
    public Guid? CheckpointId { get; init; }

    /// <summary>A training run's id: its newest checkpoint is used.</summary>
    public Guid? TrainingRunId { get; init; }

    /// <summary>For a guide: the picture to draw after, to paint on, or to begin with. A PNG, JPEG, WebP, GIF or BMP as base64, at most 2 MiB and 2²⁴ pixels; its
    /// largest centred square is used.</summary>
    public byte[]? Picture { get; init; }

    /// <summary>For a guide that interpolates: the picture to end with, likewise.</summary>
    public byte[]? ToPicture { get; init; }

    /// <summary>For a guide that inpaints: a picture, likewise, that is white where the model paints anew and black where the picture stays.</summary>
    public byte[]? Mask { get; init; }
}
