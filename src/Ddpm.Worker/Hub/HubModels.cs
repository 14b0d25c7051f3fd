using Ddpm.Engine.Checkpoints;

namespace Ddpm.Worker.Hub;

/// <summary>Models of the hub: diffusers folders in repositories.</summary>
public static class HubModels
{
    /// <summary>Downloads the files of a model, and no others, and puts them into a folder in which <see cref="DiffusersFolder"/> finds them.</summary>
    /// <param name="hub">Where from.</param>
    /// <param name="repository">A model.</param>
    /// <param name="folder">Made; must not be there or be empty.</param>
    /// <param name="maxWeightBytes">Weights of more bytes together are refused.</param>
    /// <param name="progress">Hears the fraction of bytes that are there.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <param name="makeRoom">Told before the folder is written how many bytes it will have, beside those of the cache; throws where they do not fit. Null for no such look.</param>
    /// <exception cref="HubException">It cannot be had.</exception>
    /// <exception cref="CheckpointException">The repository holds no model, or none whose weights are read.</exception>
    public static async Task FetchAsync(
        HubClient hub, HubRepository repository, string folder, long maxWeightBytes, IProgress<double>? progress, CancellationToken cancellationToken, Action<long>? makeRoom = null)
    {
        var snapshot = await hub.FetchAsync(repository, files => Choose(repository, files, maxWeightBytes), progress, cancellationToken);
        makeRoom?.Invoke(snapshot.Files.Sum(file => new FileInfo(Path.Combine(snapshot.Folder, file)).Length));
        foreach (var file in snapshot.Files)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var copy = Path.Combine(folder, file);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(snapshot.Folder, file), copy);
        }
        WeightFiles.Gather(folder, makeRoom);
        WeightFiles.Gather(Path.Combine(folder, "unet"), makeRoom);
    }

    private static List<HubFile> Choose(HubRepository repository, IReadOnlyList<HubFile> files, long maxWeightBytes)
    {
        var names = ModelFiles.Choose([.. files.Select(file => file.Path)], $"The repository {repository.Id}").ToHashSet(StringComparer.Ordinal);
        var chosen = files.Where(file => names.Contains(file.Path)).ToList();
        return chosen.Where(file => WeightFiles.IsWeights(Path.GetFileName(file.Path))).Sum(file => (double)file.Bytes) <= maxWeightBytes
            ? chosen
            : throw new CheckpointException($"The weights of {repository} have more than {maxWeightBytes} bytes, which is the limit.");
    }
}
