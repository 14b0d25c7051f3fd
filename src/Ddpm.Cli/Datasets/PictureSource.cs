using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Data;

namespace Ddpm.Cli.Datasets;

/// <summary>What a path on the command line holds.</summary>
internal static class PictureSource
{
    /// <summary>A folder of pictures, an archive of them, or parquet files.</summary>
    public static IImageSource Of(string path, string? split, string? imageColumn, string? labelColumn) =>
        ParquetSource.IsOne(path) ? new ParquetSource(path) { Split = split, ImageColumn = imageColumn, LabelColumn = labelColumn, FollowLinks = true }
        : Directory.Exists(path) ? new DirectorySource(path)
        : File.Exists(path) ? new ArchiveSource(path)
        : throw new UserErrorException($"'{path}' is not there; a folder of pictures, a zip or tar of them, parquet files, a dataset made by 'ddpm dataset make', or hub:OWNER/NAME is accepted.");

    /// <summary>Whether the path is a dataset already: a cache made by <see cref="DatasetBuilder"/>.</summary>
    public static bool IsDataset(string path) => File.Exists(Path.Combine(path, "dataset.json"));

    /// <summary>Decodes pictures into a dataset folder, with a progress bar.</summary>
    public static DatasetManifest Decode(IImageSource source, DatasetOptions options, string folder, CancellationToken cancellationToken) =>
        ProgressDisplay.Run("Decoding pictures", display => DatasetBuilder.Build(source, options, folder, new Reporter(display), cancellationToken));

    /// <summary>What was left out, in a line or two for people.</summary>
    public static IEnumerable<string> Remarks(DatasetManifest manifest)
    {
        if (manifest.Duplicates > 0)
            yield return $"{manifest.Duplicates} duplicates {(manifest.Deduplicated ? "left out" : "among them")}";
        if (manifest.SkippedCount > 0)
            yield return $"{manifest.SkippedCount} files skipped, such as {string.Join("; ", manifest.Skipped.Take(3).Select(file => $"{file.Name} ({file.Reason})"))}";
    }

    // Progress<T> would report from another thread, after the bar is gone.
    private sealed class Reporter(ProgressDisplay display) : IProgress<DatasetProgress>
    {
        public void Report(DatasetProgress value) => display.Report(value.FilesDone, Math.Max(value.FilesTotal, 1), $"{value.Images} kept, {value.Skipped} skipped");
    }
}
