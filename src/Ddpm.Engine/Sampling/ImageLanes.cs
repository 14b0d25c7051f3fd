using System.Runtime.ExceptionServices;
using Ddpm.Engine.Imaging;
using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>Shares pictures out to network calls: on a GPU all in large batches; on a CPU one by one, several at a time.</summary>
/// <remarks>ATen's CPU kernels round differently at different batch sizes, so that a picture alone and the same picture in a batch of 16 would
/// differ in the last bits. With batches of one, each on a single thread, they are equal on any number of cores; and since small
/// networks gain little from many threads a call, drawing several pictures side by side is also the faster way.</remarks>
internal static class ImageLanes
{
    private const int LargestBatch = 64;

    /// <param name="images">At least one.</param>
    /// <param name="device">Where they are drawn.</param>
    /// <param name="draw">Draws one batch; called from several threads at once on a CPU.</param>
    /// <returns>All pictures, in order.</returns>
    public static PixelBatch Run(IReadOnlyList<ImageToDraw> images, Device device, Func<IReadOnlyList<ImageToDraw>, PixelBatch> draw)
    {
        if (device.type == DeviceType.CUDA)
            return Join([.. images.Chunk(LargestBatch).Select(draw)]);

        var results = new PixelBatch[images.Count];
        var next = -1;
        ExceptionDispatchInfo? failure = null;
        var lanes = Enumerable.Range(0, Math.Min(Environment.ProcessorCount, images.Count)).Select(_ => new Thread(DrawUntilNoneIsLeft) { IsBackground = true }).ToList();
        lanes.ForEach(lane => lane.Start());
        lanes.ForEach(lane => lane.Join());
        failure?.Throw();
        return Join(results);

        void DrawUntilNoneIsLeft()
        {
            set_num_threads(1); // counts for this thread's OpenMP regions only
            try
            {
                for (var index = Interlocked.Increment(ref next); index < images.Count && failure is null; index = Interlocked.Increment(ref next))
                    results[index] = draw([images[index]]);
            }
            catch (Exception fault)
            {
                // Carried to the caller's thread, with its stack trace.
                failure = ExceptionDispatchInfo.Capture(fault);
            }
        }
    }

    private static PixelBatch Join(PixelBatch[] batches) => batches[0] with
    {
        Count = batches.Sum(batch => batch.Count),
        Pixels = [.. batches.SelectMany(batch => batch.Pixels)],
    };
}
