using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>The part of a picture that is given.</summary>
/// <param name="Original">x_0, <c>[channels, height, width]</c>, -1 to 1.</param>
/// <param name="Pixels">Which are given, <c>[height, width]</c>.</param>
public sealed record KnownRegion(float[] Original, bool[] Pixels)
{
    /// <summary>Puts what is given in place of what was drawn there, with the noise of the level that the step has led to; with none after the last.
    /// Lugmayr et al. 2022, eq. 8.</summary>
    /// <param name="drawn">x after the step, <c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="images">The batch.</param>
    /// <param name="step">The step.</param>
    internal static Tensor PutInto(Tensor drawn, IReadOnlyList<ImageToDraw> images, int step)
    {
        if (images.All(image => image.Known is null))
            return drawn;
        var elements = (int)(drawn.numel() / images.Count);
        var (values, given) = (new float[images.Count * elements], new bool[images.Count * elements]);
        for (var slot = 0; slot < images.Count; slot++)
        {
            if (images[slot] is not { Known: { } known } image)
                continue;
            var noised = values.AsSpan(slot * elements, elements);
            PhiloxNoise.Fill(image.Seed, image.Image, (uint)step + 1, noised, NoisePurpose.KnownRegion);
            var (signalRate, noiseRate) = image.Plan.RatesBefore(step + 1);
            for (var element = 0; element < elements; element++)
            {
                noised[element] = (float)((signalRate * known.Original[element]) + (noiseRate * noised[element]));
                given[(slot * elements) + element] = known.Pixels[element % known.Pixels.Length];
            }
        }

        return where(tensor(given, drawn.shape).Send(drawn.device), tensor(values, drawn.shape).Send(drawn.device), drawn);
    }
}
