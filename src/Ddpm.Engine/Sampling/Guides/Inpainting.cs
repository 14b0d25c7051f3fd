using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>Paints part of a picture anew, to go with the rest, whose pixels stay as they are. Lugmayr et al. 2022 (RePaint), algorithm 1.</summary>
/// <param name="Picture">One picture of the model's size and channels.</param>
/// <param name="Mask">Of the same size, one channel: what is 128 or brighter is painted anew.</param>
public sealed record Inpainting(PixelBatch Picture, PixelBatch Mask) : SamplingGuide
{
    /// <summary>Steps where none are asked for.</summary>
    public const int UsualSteps = 50;

    /// <summary>The article's j, and its r.</summary>
    public const int UsualJumps = 10;

    /// <summary>How many steps a run goes back at a time, to bring what was painted into harmony with the rest. At least 1; the article's j.</summary>
    public int JumpLength { get; init; } = UsualJumps;

    /// <summary>How often each stretch of so many steps is done. At least 1, for never going back; the article's r.</summary>
    public int Resamplings { get; init; } = UsualJumps;

    internal override IEnumerable<PixelBatch> Pictures => [Picture];

    internal override IReadOnlyList<ImageToDraw> Images(DiffusionModel model, SampleRequest request)
    {
        if ((Mask.Count, Mask.Channels, Mask.Height, Mask.Width) != (1, 1, Picture.Height, Picture.Width))
            throw new ArgumentException($"The mask is {Mask.Count}×{Mask.Channels}×{Mask.Height}×{Mask.Width}; 1×1×{Picture.Height}×{Picture.Width} is needed.");
        var kind = request.Sampler.Kind ?? SamplerKind.Ddpm;
        if (kind is not (SamplerKind.Ddpm or SamplerKind.Ddim))
            throw new SamplingException("sampler must be ddpm or ddim: the others look back on steps that going back makes untrue.");
        var sampler = request.Sampler with { Kind = kind };
        if (sampler is { Steps: null, Timesteps: null })
            sampler = sampler with { Steps = Math.Min(UsualSteps, model.Schedule.Timesteps) };
        // By name, so that each row leads to the level where the next begins, and the last to the clean picture.
        var timesteps = SamplingPlan.For(model.Schedule, sampler).Steps.Select(step => (int)step.Timestep).ToList();
        var plan = Resampling.Of(SamplingPlan.For(model.Schedule, sampler with { Steps = null, Timesteps = timesteps }), JumpLength, Resamplings);
        var known = new KnownRegion(PixelRange.ToFloat(Picture), [.. Mask.Pixels.Select(value => value < 128)]);
        return [.. Enumerable.Range(0, request.Count).Select(index => request.ImageAt(index, plan) with { Known = known })];
    }
}
