using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>Pictures on the way from one seed's to another's: x_T is turned from the one noise to the other, and a sampler without noise of its own makes the
/// pictures. Song et al. 2021 (DDIM), §5.3.</summary>
/// <remarks>The first and the last are the seeds' own pictures, at the request's first index.</remarks>
/// <param name="ToSeed">The seed at the end; the request's is at the beginning.</param>
public sealed record SeedInterpolation(ulong ToSeed) : SamplingGuide
{
    internal override IEnumerable<PixelBatch> Pictures => [];

    internal override IReadOnlyList<ImageToDraw> Images(DiffusionModel model, SampleRequest request)
    {
        var plan = SamplingPlan.For(model.Schedule, request.Sampler);
        if (plan.Steps.Any(step => step.Noise != 0 || step.Churn != 0))
            throw new SamplingException("sampler adds noise of its own, so that nothing lies between two seeds: ddim with eta 0, dpmsolver++, euler, heun or unipc is needed.");
        var noise = request.ImageAt(0, plan);
        var elements = model.Network.InChannels * model.Side * model.Side;
        var (from, to) = (Latents.Noise(noise, elements), Latents.Noise(noise with { Seed = ToSeed }, elements));
        return [.. Enumerable.Range(0, request.Count).Select(index => request.ImageAt(index, plan) with
        {
            Image = noise.Image,
            Start = Latents.Spherical(from, to, Latents.Lambda(index, request.Count)),
        })];
    }
}
