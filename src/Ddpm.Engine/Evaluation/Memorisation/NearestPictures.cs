using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using Ddpm.Engine.Native;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Memorisation;

/// <summary>A picture of the dataset that resembles another.</summary>
/// <param name="Index">Its number in the dataset.</param>
/// <param name="Distance">Root mean square difference of the values, which are 0 to 255, at the size of comparison.</param>
/// <param name="Mirrored">Whether it is its mirror image that resembles: training flips pictures.</param>
public sealed record NearestPicture(int Index, double Distance, bool Mirrored);

/// <summary>Finds the pictures of a dataset that are nearest to others in the pixels. Reads the dataset once, in pieces.</summary>
/// <remarks>Pictures of more than 32 pixels a side are averaged down first, to the largest divisor of their side below that.
/// Distances come from integers, or sums of them, in float64, so a copy has exactly 0.</remarks>
public static class NearestPictures
{
    private const int MostSide = 32;
    private const int LeastSide = 8;
    private const int PicturesAtOnce = 1024;

    /// <summary>Side at which pictures are compared.</summary>
    public static int ComparedSide(int side) => side <= MostSide ? side
        : Enumerable.Range(LeastSide, MostSide - LeastSide + 1).Where(divisor => side % divisor == 0).DefaultIfEmpty(MostSide).Max();

    /// <summary>Searches the dataset.</summary>
    /// <param name="pictures">Squares of the dataset's size.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="count">How many of each; fewer where the dataset has fewer. At least 1.</param>
    /// <param name="progress">Told how many pictures of the dataset have been looked at.</param>
    /// <param name="cancellationToken">Looked at between pieces.</param>
    /// <param name="except">For each picture, one of the dataset that does not count (its own number); null for none.</param>
    /// <returns>For each picture, the nearest first.</returns>
    public static IReadOnlyList<IReadOnlyList<NearestPicture>> Find(
        PixelBatch pictures, ImageDataset dataset, int count, Action<long>? progress, CancellationToken cancellationToken, IReadOnlyList<int>? except = null)
    {
        if ((pictures.Channels, pictures.Height, pictures.Width) != (dataset.Channels, dataset.Height, dataset.Width))
            throw new ArgumentException($"The dataset's pictures have {dataset.Width}×{dataset.Height} pixels, these {pictures.Width}×{pictures.Height}.", nameof(pictures));
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        using var scope = NewDisposeScope();
        using var noGradients = inference_mode();
        var shown = Reduced(pictures);
        var queries = cat([shown, shown.flip(3)]).flatten(1); // each, then the mirror image of each
        var lengths = (queries * queries).sum([1], keepdim: true);
        var nearest = Enumerable.Range(0, pictures.Count).Select(_ => new PriorityQueue<NearestPicture, double>()).ToList(); // the farthest of them first
        for (var first = 0; first < dataset.Count; first += PicturesAtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var size = Math.Min(PicturesAtOnce, dataset.Count - first);
            var distances = Distances(queries, lengths, PictureChoice.Read(dataset, [.. Enumerable.Range(first, size)]));
            for (var query = 0; query < pictures.Count; query++)
                for (var n = 0; n < size; n++)
                    if (except is null || except[query] != first + n)
                        Offer(nearest[query], count, first + n, distances[(query * size) + n], distances[((pictures.Count + query) * size) + n]);
            progress?.Invoke(first + size);
        }

        return [.. nearest.Select(queue => (IReadOnlyList<NearestPicture>)[.. queue.UnorderedItems.Select(item => item.Element).OrderBy(found => found.Distance).ThenBy(found => found.Index)])];
    }

    private static void Offer(PriorityQueue<NearestPicture, double> queue, int count, int index, double straight, double mirrored)
    {
        var distance = Math.Min(straight, mirrored);
        if (queue.Count == count && queue.TryPeek(out _, out var farthest) && distance >= -farthest)
            return;
        queue.Enqueue(new NearestPicture(index, distance, mirrored < straight), -distance);
        if (queue.Count > count)
            queue.Dequeue();
    }

    // ‖a − b‖² = ‖a‖² + ‖b‖² − 2ab, [queries, pictures], as root mean squares.
    private static double[] Distances(Tensor queries, Tensor lengths, PixelBatch pictures)
    {
        using var scope = NewDisposeScope();
        var others = Reduced(pictures).flatten(1);
        var squares = lengths.Plus((others * others).sum([1])) - queries.matmul(others.t()).Times(2);
        return squares.Over(others.shape[1]).AtLeast(0).sqrt().data<double>().ToArray();
    }

    private static Tensor Reduced(PixelBatch pictures)
    {
        using var scope = NewDisposeScope();
        var values = tensor(pictures.Pixels, [pictures.Count, pictures.Channels, pictures.Height, pictures.Width], dtype: ScalarType.Byte).to(ScalarType.Float64);
        var side = ComparedSide(pictures.Height);
        return (side == pictures.Height ? values : nn.functional.adaptive_avg_pool2d(values, side)).MoveToOuterDisposeScope();
    }
}
