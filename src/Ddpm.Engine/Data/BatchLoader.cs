using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Data;

/// <summary>A batch to train on.</summary>
/// <param name="Images">The pictures.</param>
/// <param name="Labels">Their classes, -1 where there is none.</param>
/// <param name="Epoch">How many times the whole set had been seen before this batch.</param>
public sealed record ImageBatch(PixelBatch Images, long[] Labels, long Epoch);

/// <summary>
/// Deals out a dataset in random order: in every epoch each picture exactly once, in <see cref="BatchesPerEpoch"/> batches, of which the last
/// may be smaller (as torch's <c>DataLoader</c> with <c>drop_last=False</c>). A dataset smaller than one batch is repeated until it fills it.
/// </summary>
/// <remarks>
/// A batch is a function of (seed, index), so a resumed run goes on with exactly the pictures, in exactly the order, that an undisturbed one
/// would have seen. Safe from several threads.
/// </remarks>
public sealed class BatchLoader
{
    // Streams of random numbers: order and flips of an epoch.
    private const ulong OrderStream = 0x6F72646572; // "order"
    private const ulong FlipStream = 0x666C6970; // "flip"

    private readonly ImageDataset _dataset;
    private readonly int _batchSize;
    private readonly ulong _seed;
    private readonly bool _horizontalFlip;
    private EpochOrder? _current;

    /// <param name="dataset">Borrowed.</param>
    /// <param name="batchSize">At least 1.</param>
    /// <param name="seed">Decides order and flips.</param>
    /// <param name="horizontalFlip">Mirror half of the pictures of each epoch, chosen anew for every picture and epoch.</param>
    public BatchLoader(ImageDataset dataset, int batchSize, ulong seed, bool horizontalFlip)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        (_dataset, _batchSize, _seed, _horizontalFlip) = (dataset, batchSize, seed, horizontalFlip);
        BatchesPerEpoch = ((long)dataset.Count + batchSize - 1) / batchSize;
    }

    /// <summary>Batches in which every picture is seen once: ⌈count / batch size⌉.</summary>
    public long BatchesPerEpoch { get; }

    /// <summary>Batch number <paramref name="index"/> of the whole run, counted from 0 over all epochs.</summary>
    public ImageBatch BatchAt(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        var (epoch, batch) = Math.DivRem(index, BatchesPerEpoch);
        var order = OrderOf(epoch);
        var first = (int)(batch * _batchSize);
        var count = _dataset.Count < _batchSize ? _batchSize : Math.Min(_batchSize, _dataset.Count - first);

        var flips = new CounterRandom(_seed ^ FlipStream, (ulong)epoch);
        var bytes = _dataset.ImageBytes;
        var pixels = new byte[(long)count * bytes];
        var labels = new long[count];
        for (var n = 0; n < count; n++)
        {
            var place = first + n; // in the epoch; past its end where a small set is repeated
            var image = order[place % _dataset.Count];
            var target = pixels.AsSpan(n * bytes, bytes);
            _dataset.CopyImage(image, target);
            if (_horizontalFlip && flips.Below((ulong)place, 2) == 1)
                Mirror(target);
            labels[n] = _dataset.LabelOf(image);
        }
        return new ImageBatch(new PixelBatch(pixels, count, _dataset.Channels, _dataset.Height, _dataset.Width), labels, epoch);
    }

    private int[] OrderOf(long epoch)
    {
        if (_current is { } current && current.Epoch == epoch)
            return current.Order;

        // Fisher-Yates, every swap drawn from (seed, epoch).
        var random = new CounterRandom(_seed ^ OrderStream, (ulong)epoch);
        var order = new int[_dataset.Count];
        for (var n = 0; n < order.Length; n++)
        {
            var other = random.Below((ulong)n, n + 1);
            order[n] = order[other];
            order[other] = n;
        }
        _current = new EpochOrder(epoch, order);
        return order;
    }

    private void Mirror(Span<byte> chw)
    {
        for (var row = 0; row < chw.Length; row += _dataset.Width)
            chw.Slice(row, _dataset.Width).Reverse();
    }

    private sealed record EpochOrder(long Epoch, int[] Order);
}
