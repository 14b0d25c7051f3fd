using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Sampling.Guides;

/// <summary>Where runs begin: arrays <c>[channels, height, width]</c>.</summary>
internal static class Latents
{
    /// <summary>x ~ q(x_t | x_0) at the level where a run begins: √ᾱ·x_0 + √(1 − ᾱ)·z, with the noise that x_T would have had. Ho et al. 2020, eq. 4.</summary>
    /// <param name="picture">x_0. One of no steps is left as it is.</param>
    /// <param name="image">The run.</param>
    public static float[] Encode(PixelBatch picture, ImageToDraw image)
    {
        var original = PixelRange.ToFloat(picture);
        var (signalRate, noiseRate) = image.Plan.RatesBefore(0);
        var noise = new float[original.Length];
        PhiloxNoise.Fill(image.Seed, image.Image, step: 0, noise);
        return [.. original.Zip(noise, (x, z) => (float)((signalRate * x) + (noiseRate * z)))];
    }

    /// <summary>x_T as a run without a guide has it.</summary>
    public static float[] Noise(ImageToDraw image, int elements)
    {
        var noise = new float[elements];
        PhiloxNoise.Fill(image.Seed, image.Image, step: 0, noise);
        return [.. noise.Select(z => (float)image.Plan.InitialScale * z)];
    }

    /// <summary>λ of one of so many pictures: evenly from 0 to 1.</summary>
    public static double Lambda(int index, int count) => count == 1 ? 0 : index / (count - 1.0);

    /// <summary>(1 − λ)·from + λ·to.</summary>
    public static float[] Linear(float[] from, float[] to, double lambda) => [.. from.Zip(to, (a, b) => (float)(((1 - lambda) * a) + (lambda * b)))];

    /// <summary>Along the great circle, so that what lies between two noises is as long as noise is. Shoemake 1985.</summary>
    public static float[] Spherical(float[] from, float[] to, double lambda)
    {
        var angle = Math.Acos(Math.Clamp(Dot(from, to) / Math.Sqrt(Dot(from, from) * Dot(to, to)), -1, 1));
        var sine = Math.Sin(angle);
        if (sine < 1e-6) // the same noise, or the opposite one
            return Linear(from, to, lambda);
        var (ofFrom, ofTo) = (Math.Sin((1 - lambda) * angle) / sine, Math.Sin(lambda * angle) / sine);
        return [.. from.Zip(to, (a, b) => (float)((ofFrom * a) + (ofTo * b)))];
    }

    private static double Dot(float[] left, float[] right) => left.Zip(right, (a, b) => (double)a * b).Sum();
}
