using Ddpm.Engine.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>Shares pictures out to network calls: on a GPU all in large batches; on a CPU one by one, several at a time.</summary>
/// <remarks>ATen's CPU kernels round differently at different batch sizes, so that a picture alone and the same picture in a batch of 16 would
/// differ in the last bits. With batches of one, each on a single thread, they are equal on any number of threads; and since small
/// networks gain little from many threads a call, drawing several pictures side by side is also the faster way.</remarks>
internal static class ImageLanes
{
    private const int LargestBatch = 64;

    /// <param name="images">At least one.</param>
    /// <param name="device">Where they are drawn.</param>
    /// <param name="threads">How many at a time on a CPU; at least 1.</param>
    /// <param name="draw">Draws one batch, given the index of its first picture; called from several threads at once on a CPU.</param>
    /// <returns>All pictures, in order.</returns>
    public static PixelBatch Run(IReadOnlyList<ImageToDraw> images, Device device, int threads, Func<int, IReadOnlyList<ImageToDraw>, PixelBatch> draw)
    {
        if (device.type == DeviceType.CUDA)
            return Join([.. images.Chunk(LargestBatch).Select((batch, index) => draw(index * LargestBatch, batch))]);

        var results = new PixelBatch[images.Count];
        WorkLanes.Run(images.Count, device, threads, index => results[index] = draw(index, [images[index]]), CancellationToken.None); // the loop that draws looks at its own
        return Join(results);
    }

    private static PixelBatch Join(PixelBatch[] batches)
    {
        var pixels = new byte[batches.Sum(batch => batch.Pixels.Length)];
        var done = 0;
        foreach (var batch in batches)
        {
            batch.Pixels.CopyTo(pixels, done);
            done += batch.Pixels.Length;
        }
        return batches[0] with { Count = batches.Sum(batch => batch.Count), Pixels = pixels };
    }
}
