namespace Ddpm.Engine.Sampling;

/// <summary>A picture to draw: the table it follows and the noise it starts from.</summary>
/// <param name="Plan">Its sampler.</param>
/// <param name="Seed">With <paramref name="Image"/>, decides its noise.</param>
/// <param name="Image">Its index under the seed.</param>
internal sealed record ImageToDraw(SamplingPlan Plan, ulong Seed, uint Image)
{
    /// <summary>Its class; null for none.</summary>
    public int? ClassLabel { get; init; }

    /// <summary>x at the level of the plan's first step, <c>[channels, height, width]</c>; null for noise. A run that begins with a picture has one.</summary>
    public float[]? Start { get; init; }

    /// <summary>What of the picture is given; null for nothing.</summary>
    public KnownRegion? Known { get; init; }

    /// <summary>How much more of its class than there would be by itself: 1 for no guidance, 0 for no class.</summary>
    public double GuidanceScale { get; init; } = 1;
}
