using System.IO.Compression;
using Ddpm.Jobs.Models;
using Ddpm.Jobs.Storage;

namespace Ddpm.Api.Checkpoints;

/// <summary>A checkpoint's folder as a zip, written while it is sent. Stored, not deflated: weights do not get smaller.</summary>
internal static class CheckpointArchive
{
    private const string TrainingFolder = "training/";

    /// <param name="checkpoint">Whose folder.</param>
    /// <param name="artifacts">Where the folder is.</param>
    /// <param name="training">Whether <c>training/</c> (optimizer, random state) comes too.</param>
    /// <param name="output">Receives the zip; needs no seeking.</param>
    /// <param name="cancellationToken">The client has gone.</param>
    public static async Task WriteAsync(
        Checkpoint checkpoint, ArtifactStore artifacts, bool training, Stream output, CancellationToken cancellationToken)
    {
        var folder = artifacts.PathOf(checkpoint.ArtifactKey);
        var zip = await ZipArchive.CreateAsync(output, ZipArchiveMode.Create, leaveOpen: true, entryNameEncoding: null, cancellationToken);
        await using (zip)
        {
            foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                var name = Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');
                if (!training && name.StartsWith(TrainingFolder, StringComparison.Ordinal))
                    continue;
                var entry = zip.CreateEntry(name, CompressionLevel.NoCompression);
                entry.LastWriteTime = checkpoint.CreatedAt;
                await using var file = File.OpenRead(path);
                await using var content = await entry.OpenAsync(cancellationToken);
                await file.CopyToAsync(content, cancellationToken);
            }
        }
    }
}
