using System.ComponentModel.DataAnnotations;

namespace Ddpm.Jobs.Sampling;

/// <summary>What pictures are drawn from besides noise. The pictures that it needs are sent beside it.</summary>
public sealed record GuideSpec
{
    /// <summary>How they lead the drawing.</summary>
    public required GuideKind Kind { get; init; }

    /// <summary>For <c>picture</c>, and <c>interpolate</c> between pictures: how much is drawn anew. From 0 (the picture itself, or a blend of pixels) to 1 (next to
    /// nothing of it is kept); null for 0.5.</summary>
    [Range(0.0, 1.0)]
    public double? Strength { get; init; }

    /// <summary>For <c>interpolate</c> instead of two pictures: from the picture of the request's seed to that of this seed. From 0 to 2⁵³ − 1.</summary>
    [Range(0, 9_007_199_254_740_991)]
    public long? ToSeed { get; init; }

    /// <summary>For <c>inpaint</c>: how many steps the run goes back at a time. From 1 to 1000; null for 10.</summary>
    [Range(1, 1000)]
    public int? JumpLength { get; init; }

    /// <summary>For <c>inpaint</c>: how often each stretch of so many steps is done. From 1, for never going back, to 100; null for 10.</summary>
    [Range(1, 100)]
    public int? Resamplings { get; init; }
}

/// <summary>How pictures lead a drawing.</summary>
public enum GuideKind
{
    /// <summary>New pictures after a given one. Meng et al. 2022 (SDEdit).</summary>
    Picture,

    /// <summary>Part of a picture painted anew. Lugmayr et al. 2022 (RePaint).</summary>
    Inpaint,

    /// <summary>Pictures on the way from one to another. Ho et al. 2020, figure 8; between seeds: Song et al. 2021 (DDIM), §5.3.</summary>
    Interpolate,
}

/// <summary>Where the pictures of a guide lie until what was asked for has been drawn: as they were sent, not yet decoded.</summary>
public static class GuideFiles
{
    /// <summary>The picture to draw after, to paint on, or to begin with.</summary>
    public const string Picture = "picture";

    /// <summary>The picture to end with.</summary>
    public const string ToPicture = "toPicture";

    /// <summary>What is painted anew: white, and what stays: black.</summary>
    public const string Mask = "mask";

    /// <summary>Artifact key of the folder. It lies beside the folders of attempts and goes with the first that succeeds.</summary>
    public static string FolderOf(Guid batch) => $"samples/{batch}/guide";

    /// <summary>Artifact key of one of them.</summary>
    public static string KeyOf(Guid batch, string name) => $"{FolderOf(batch)}/{name}";
}
