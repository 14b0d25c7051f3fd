using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Data;

namespace Ddpm.Cli.Datasets;

/// <summary>Pictures of a source as files, in a sub-folder for each class.</summary>
internal static class PictureFolder
{
    public static void Write(IImageSource source, string folder, CancellationToken cancellationToken)
    {
        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
            throw new UserErrorException($"'{folder}' is not empty; OUT must be a new or empty folder.");
        using var listing = source.Open(cancellationToken);
        ProgressDisplay.Run("Drawing", display =>
        {
            var done = 0;
            foreach (var entries in listing.Entries.Chunk(256))
            {
                Parallel.ForEach(entries, new ParallelOptions { CancellationToken = cancellationToken }, entry => Write(entry, folder));
                display.Report(done += entries.Length, listing.Count);
            }

            return done;
        });
    }

    private static void Write(ImageEntry entry, string folder)
    {
        var place = Directory.CreateDirectory(Path.Combine(folder, entry.Class ?? ""));
        File.WriteAllBytes(Path.Combine(place.FullName, entry.Name), entry.Read());
    }
}
