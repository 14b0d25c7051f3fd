using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Evaluation;

/// <summary>Pictures of a dataset, drawn without replacement: a simple random sample, as standard errors assume.</summary>
internal static class PictureChoice
{
    private const ulong Stream = 0x63686F696365; // "choice"

    /// <summary>Indices in increasing order; all of them where as many are asked for as there are, or more.</summary>
    public static int[] Draw(int available, int count, ulong seed)
    {
        var indices = Enumerable.Range(0, available).ToArray();
        if (count >= available)
            return indices;
        // Fisher-Yates, stopped when enough are chosen.
        var random = new CounterRandom(seed, Stream);
        for (var n = 0; n < count; n++)
        {
            var other = n + random.Below((ulong)n, available - n);
            (indices[n], indices[other]) = (indices[other], indices[n]);
        }

        var chosen = indices[..count];
        Array.Sort(chosen);
        return chosen;
    }

    /// <summary>Copies pictures of a dataset.</summary>
    public static PixelBatch Read(ImageDataset dataset, ReadOnlySpan<int> indices)
    {
        var pixels = new byte[(long)indices.Length * dataset.ImageBytes];
        for (var n = 0; n < indices.Length; n++)
            dataset.CopyImage(indices[n], pixels.AsSpan(n * dataset.ImageBytes, dataset.ImageBytes));
        return new PixelBatch(pixels, indices.Length, dataset.Channels, dataset.Height, dataset.Width);
    }
}
