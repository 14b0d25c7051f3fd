using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;

namespace Ddpm.Engine.Evaluation.Memorisation;

/// <summary>Whether a model draws pictures anew or repeats what it was trained on.</summary>
/// <param name="SampleMedian">Median distance of the samples to their nearest pictures of the dataset.</param>
/// <param name="DatasetMedian">Median distance of pictures of the dataset to their nearest others: samples that lie much nearer than this are
/// copies. Null for a dataset of one picture.</param>
/// <param name="Closest">The samples that lie nearest to the dataset, the nearest first.</param>
/// <param name="Images">Samples that were looked at.</param>
/// <param name="ComparedSide">Side at which pictures were compared, in pixels.</param>
public sealed record MemorisationResult(double SampleMedian, double? DatasetMedian, IReadOnlyList<SampleNeighbours> Closest, int Images, int ComparedSide);

/// <summary>A sample and what it resembles.</summary>
/// <param name="Sample">Its number.</param>
/// <param name="Nearest">The nearest first.</param>
public sealed record SampleNeighbours(int Sample, IReadOnlyList<NearestPicture> Nearest);

/// <summary>Sets samples beside the pictures of the dataset that they resemble most.</summary>
public static class MemorisationCheck
{
    internal const string Stage = "nearest pictures";

    private const int MostSamples = 1024;
    private const int References = 256;

    /// <param name="samples">Of the dataset's size; the first 1,024 are looked at.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="rows">Samples in the result and in the grid; at least 1.</param>
    /// <param name="neighbours">Pictures beside each; at least 1.</param>
    /// <param name="seed">Decides which pictures of the dataset are compared with their nearest others.</param>
    /// <param name="progress">Told after each piece of the dataset.</param>
    /// <param name="cancellationToken">Looked at between pieces.</param>
    public static MemorisationResult Measure(
        PixelBatch samples, ImageDataset dataset, int rows, int neighbours, ulong seed, IProgress<EvaluationProgress>? progress, CancellationToken cancellationToken)
    {
        var count = Math.Min(samples.Count, MostSamples);
        var looked = samples with { Pixels = samples.Pixels[..(count * samples.ImageBytes)], Count = count };
        void Report(long seen, int pass) => progress?.Report(new EvaluationProgress(Stage, seen + ((long)pass * dataset.Count), 2L * dataset.Count));

        var found = NearestPictures.Find(looked, dataset, neighbours, seen => Report(seen, 0), cancellationToken);
        double? usual = null;
        if (dataset.Count > 1)
        {
            var chosen = PictureChoice.Draw(dataset.Count, References, seed);
            usual = Median(NearestPictures.Find(PictureChoice.Read(dataset, chosen), dataset, 1, seen => Report(seen, 1), cancellationToken, chosen));
        }

        var closest = found.Index().OrderBy(pair => pair.Item[0].Distance).Take(rows).Select(pair => new SampleNeighbours(pair.Index, pair.Item)).ToList();
        return new MemorisationResult(Median(found), usual, closest, count, NearestPictures.ComparedSide(samples.Height));
    }

    /// <summary>Draws a row for each of <see cref="MemorisationResult.Closest"/>: the sample, a gap, and its nearest pictures, mirrored where that is nearer.</summary>
    /// <returns>A PNG.</returns>
    public static byte[] EncodeGrid(MemorisationResult result, PixelBatch samples, ImageDataset dataset)
    {
        var columns = result.Closest[0].Nearest.Count + 1;
        var (side, gap) = (samples.Height, Math.Max(2, samples.Height / 8));
        var (width, height) = ((columns * side) + gap, result.Closest.Count * side);
        var pixels = new byte[width * height * samples.Channels];
        Array.Fill(pixels, byte.MaxValue);
        foreach (var (row, neighbours) in result.Closest.Index())
        {
            Place(samples.Image(neighbours.Sample), mirrored: false, row, 0);
            foreach (var (column, nearest) in neighbours.Nearest.Index())
                Place(PictureChoice.Read(dataset, [nearest.Index]).Image(0), nearest.Mirrored, row, gap + ((column + 1) * side));
        }

        return ImageCodec.EncodePng(pixels, width, height, samples.Channels);

        void Place(ReadOnlySpan<byte> planes, bool mirrored, int row, int left)
        {
            for (var channel = 0; channel < samples.Channels; channel++)
                for (var y = 0; y < side; y++)
                    for (var x = 0; x < side; x++)
                        pixels[(((((row * side) + y) * width) + left + (mirrored ? side - 1 - x : x)) * samples.Channels) + channel] = planes[(((channel * side) + y) * side) + x];
        }
    }

    private static double Median(IReadOnlyList<IReadOnlyList<NearestPicture>> found)
    {
        var sorted = found.Select(nearest => nearest[0].Distance).Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
