using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Data;
using Ddpm.Engine.Imaging;
using static TorchSharp.torch;

namespace Ddpm.Engine.Evaluation.Features;

/// <summary>Shows pictures to a feature network; of a dataset once only, where there is a folder to remember them in.</summary>
public static class FeatureExtraction
{
    private const int PicturesAtOnce = 32;

    /// <summary>Features of pictures in memory.</summary>
    /// <param name="network">Borrowed.</param>
    /// <param name="pictures">Squares; at least 2.</param>
    /// <param name="progress">Told how many are done.</param>
    /// <param name="cancellationToken">Looked at between calls of the network.</param>
    /// <returns>The caller disposes them.</returns>
    public static FeatureStatistics Of(FeatureNetwork network, PixelBatch pictures, Action<int>? progress, CancellationToken cancellationToken) =>
        Gather(network, pictures.Count, (first, count) => pictures with { Pixels = pictures.Pixels[(first * pictures.ImageBytes)..((first + count) * pictures.ImageBytes)], Count = count }, progress, cancellationToken);

    /// <summary>Features of a dataset, read from <paramref name="cache"/> where they were worked out before.</summary>
    /// <param name="network">Borrowed.</param>
    /// <param name="dataset">Borrowed.</param>
    /// <param name="images">At most so many pictures, drawn at random but always the same; null for all.</param>
    /// <param name="cache">Folder that remembers; made where it is not there. Null to forget.</param>
    /// <param name="progress">Told how many are done.</param>
    /// <param name="cancellationToken">Looked at between calls of the network.</param>
    /// <returns>The caller disposes them.</returns>
    public static FeatureStatistics Of(
        FeatureNetwork network, ImageDataset dataset, int? images, string? cache, Action<int>? progress, CancellationToken cancellationToken)
    {
        var indices = PictureChoice.Draw(dataset.Count, images ?? dataset.Count, seed: 0);
        var file = cache is null ? null : Path.Combine(cache, $"{Key(network, dataset, indices.Length)}.safetensors");
        if (file is not null && Read(file) is { } remembered)
            return remembered;
        var statistics = Gather(network, indices.Length, (first, count) => PictureChoice.Read(dataset, indices.AsSpan(first, count)), progress, cancellationToken);
        if (file is not null)
            Write(file, statistics);
        return statistics;
    }

    private static FeatureStatistics Gather(FeatureNetwork network, int total, Func<int, int, PixelBatch> read, Action<int>? progress, CancellationToken cancellationToken)
    {
        var statistics = new FeatureStatistics();
        try
        {
            for (var first = 0; first < total; first += PicturesAtOnce)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var count = Math.Min(PicturesAtOnce, total - first);
                using var features = network.Features(read(first, count));
                statistics.Add(features);
                progress?.Invoke(first + count);
            }

            return statistics;
        }
        catch
        {
            statistics.Dispose();
            throw;
        }
    }

    // All that the features depend on.
    private static string Key(FeatureNetwork network, ImageDataset dataset, int images)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $"1 {dataset.Sha256} {dataset.Count}x{dataset.Channels}x{dataset.Height}x{dataset.Width} {images} {network.Sha256} {network.Config.Side} {network.Config.Range}");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)).AsSpan(0, 16));
    }

    private static FeatureStatistics? Read(string file)
    {
        if (!File.Exists(file))
            return null;
        try
        {
            using var tensors = Safetensors.Open(file);
            return FeatureStatistics.From(tensors.Read);
        }
        catch (CheckpointException)
        {
            return null; // Damaged: it is worked out and written again.
        }
    }

    // Others may write the same file at the same time.
    private static void Write(string file, FeatureStatistics statistics)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        var temporary = $"{file}.{Path.GetRandomFileName()}";
        try
        {
            Safetensors.Write(temporary, statistics.ToTensors());
            File.Move(temporary, file, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }
}
