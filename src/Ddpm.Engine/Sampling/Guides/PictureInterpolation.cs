using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>Pictures on the way from one to another: both are encoded, x_t ~ q(x_t | x_0), the latents mixed, (1 − λ)·x_t + λ·x_t', and decoded. Ho et al.
/// 2020, §4.3 and figure 8.</summary>
/// <remarks>All of them are drawn with the noise of the request's first picture, in encoding and decoding, so that only λ tells them apart. The first and the
/// last are what <see cref="PictureGuide"/> makes of <paramref name="From"/> and <paramref name="To"/>.</remarks>
/// <param name="From">At λ = 0: one picture of the model's size and channels.</param>
/// <param name="To">At λ = 1, likewise.</param>
/// <param name="Strength">How far the pictures are taken apart, as the part of the run that puts them together again: 0 blends pixels, 1 keeps next to
/// nothing. The article shows t = 500 of 1000, 0.5.</param>
public sealed record PictureInterpolation(PixelBatch From, PixelBatch To, double Strength) : SamplingGuide
{
    internal override IEnumerable<PixelBatch> Pictures => [From, To];

    internal override IReadOnlyList<ImageToDraw> Images(DiffusionModel model, SampleRequest request)
    {
        CheckStrength(Strength);
        var plan = SamplingPlan.For(model.Schedule, request.Sampler, Strength);
        var noise = request.ImageAt(0, plan);
        var (from, to) = (Latents.Encode(From, noise), Latents.Encode(To, noise));
        return [.. Enumerable.Range(0, request.Count).Select(index => request.ImageAt(index, plan) with
        {
            Image = noise.Image,
            Start = Latents.Linear(from, to, Latents.Lambda(index, request.Count)),
        })];
    }
}
