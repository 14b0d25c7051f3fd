using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>New pictures after a given one: it gets noise, and a run that begins midway takes the noise out again. Meng et al. 2022 (SDEdit), algorithm 1.</summary>
/// <param name="Picture">One picture of the model's size and channels.</param>
/// <param name="Strength">The part of the run that is done, from its clean end: 0 gives the picture back, 1 keeps next to nothing of it. The article's
/// t₀; it finds 0.3 to 0.6 best.</param>
public sealed record PictureGuide(PixelBatch Picture, double Strength) : SamplingGuide
{
    internal override IEnumerable<PixelBatch> Pictures => [Picture];

    internal override IReadOnlyList<ImageToDraw> Images(DiffusionModel model, SampleRequest request)
    {
        CheckStrength(Strength);
        var plan = SamplingPlan.For(model.Schedule, request.Sampler, Strength);
        return [.. Enumerable.Range(0, request.Count).Select(index => request.ImageAt(index, plan)).Select(image => image with { Start = Latents.Encode(Picture, image) })];
    }
}
