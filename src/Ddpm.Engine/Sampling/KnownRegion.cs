using Ddpm.Engine.Sampling.Steps;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>The part of a picture that is given.</summary>
/// <param name="Original">x_0, <c>[channels, height, width]</c>, -1 to 1.</param>
/// <param name="Pixels">Which are given, <c>[height, width]</c>.</param>
public sealed record KnownRegion(float[] Original, bool[] Pixels)
{
    /// <summary>Puts what is given in place of what was drawn there, with the noise of the level that the step has led to; with none after the last.
    /// Lugmayr et al. 2022, eq. 8.</summary>
    /// <param name="drawn">x of one picture after the step; changed in place.</param>
    /// <param name="noised">As long, to work with.</param>
    /// <param name="image">The picture.</param>
    /// <param name="step">The step.</param>
    internal void PutInto(Span<float> drawn, Span<float> noised, ImageToDraw image, int step)
    {
        FillNoised(noised, image, step);
        for (var element = 0; element < drawn.Length; element++)
            if (Pixels[element % Pixels.Length])
                drawn[element] = noised[element];
    }

    /// <summary>The same for a batch on a device.</summary>
    /// <param name="drawn">x after the step that each picture is at, <c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="images">The batch.</param>
    internal static Tensor PutInto(Tensor drawn, IReadOnlyList<RunningImage> images)
    {
        if (images.All(image => image.Image.Known is null))
            return drawn;
        var elements = (int)(drawn.numel() / images.Count);
        var (values, given) = (new float[images.Count * elements], new bool[images.Count * elements]);
        for (var slot = 0; slot < images.Count; slot++)
        {
            if (images[slot].Image is not { Known: { } known } image)
                continue;
            known.FillNoised(values.AsSpan(slot * elements, elements), image, images[slot].Step);
            for (var element = 0; element < elements; element++)
                given[(slot * elements) + element] = known.Pixels[element % known.Pixels.Length];
        }

        return where(tensor(given, drawn.shape).Send(drawn.device), tensor(values, drawn.shape).Send(drawn.device), drawn);
    }

    private void FillNoised(Span<float> noised, ImageToDraw image, int step)
    {
        PhiloxNoise.Fill(image.Seed, image.Image, (uint)step + 1, noised, NoisePurpose.KnownRegion);
        var (signalRate, noiseRate) = image.Plan.RatesBefore(step + 1);
        for (var element = 0; element < noised.Length; element++)
            noised[element] = (float)((signalRate * Original[element]) + (noiseRate * noised[element]));
    }
}
