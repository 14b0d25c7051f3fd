using Ddpm.Engine.Data;

namespace Ddpm.Worker.Hub;

/// <summary>Pictures of a dataset repository, which lie in parquet files.</summary>
public static class HubDatasets
{
    /// <summary>Downloads a split and opens it as a source of pictures.</summary>
    /// <param name="hub">Where from.</param>
    /// <param name="repository">A dataset.</param>
    /// <param name="split">Which split; null for the only one, or <c>train</c>.</param>
    /// <param name="imageColumn">The column of pictures; null to find it.</param>
    /// <param name="labelColumn">The column of labels; null to find one, or go without.</param>
    /// <param name="progress">Hears the fraction of bytes that are there.</param>
    /// <param name="cancellationToken">Stops it.</param>
    /// <exception cref="HubException">They cannot be had.</exception>
    public static async Task<ParquetSource> FetchAsync(
        HubClient hub, HubRepository repository, string? split, string? imageColumn, string? labelColumn, IProgress<double>? progress, CancellationToken cancellationToken)
    {
        var chosen = split;
        var snapshot = await hub.FetchAsync(repository, files => Choose(repository, files, ref chosen), progress, cancellationToken);
        return new ParquetSource(snapshot.Folder) { Split = chosen, ImageColumn = imageColumn, LabelColumn = labelColumn };
    }

    private static List<HubFile> Choose(HubRepository repository, IReadOnlyList<HubFile> files, ref string? split)
    {
        var splits = files.Where(file => file.Path.EndsWith(ParquetSource.Extension, StringComparison.OrdinalIgnoreCase)).ToLookup(file => ParquetSource.SplitOf(file.Path));
        if (splits.Count == 0)
            throw new HubException(WithoutParquet(repository, files));
        split ??= splits.Count == 1 ? splits.Single().Key : ParquetSource.UsualSplit;
        if (!splits.Contains(split))
            throw new HubException($"The hub has no split '{split}' of {repository}; it has {string.Join(", ", splits.Select(group => group.Key).Order(StringComparer.Ordinal))}.");

        // Each configuration of a dataset has a folder of its own; mixing them would make no sense.
        var folders = splits[split].Select(file => Path.GetDirectoryName(file.Path)).Distinct(StringComparer.Ordinal).ToList();
        return folders.Count == 1 ? [.. splits[split].OrderBy(file => file.Path, StringComparer.Ordinal)]
            : throw new HubException($"The split '{split}' of {repository} lies in several folders, {string.Join(", ", folders.Take(10))}: several configurations cannot be read as one.");
    }

    private static string WithoutParquet(HubRepository repository, IReadOnlyList<HubFile> files)
    {
        var name = repository.Id[(repository.Id.LastIndexOf('/') + 1)..];
        var reason = files.Any(file => file.Path == $"{name}.py") ? "it is made by a script, which is never run" : "it holds no parquet files";
        return $"{char.ToUpperInvariant(repository.ToString()[0])}{repository.ToString()[1..]} cannot be read: {reason}. "
            + "The hub keeps a parquet copy of many datasets under the revision refs/convert/parquet; or download it and give the folder.";
    }
}
