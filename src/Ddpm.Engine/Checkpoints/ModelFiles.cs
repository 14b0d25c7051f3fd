namespace Ddpm.Engine.Checkpoints;

/// <summary>Tells the files of a model from whatever else lies beside them, in an archive or a repository.</summary>
public static class ModelFiles
{
    private const string Network = "unet/";

    /// <summary>The files that make up a model, as it lies today or as the first releases of diffusers wrote it.</summary>
    /// <param name="names">Paths of all files that there are, below the model's folder, with forward slashes.</param>
    /// <param name="holder">What holds them, as the message begins: <c>The zip</c>.</param>
    /// <exception cref="CheckpointException">There is no model, or none with weights that are read.</exception>
    public static IReadOnlyList<string> Choose(IReadOnlyCollection<string> names, string holder)
    {
        var there = names.ToHashSet(StringComparer.Ordinal);
        if (!there.Contains("unet/config.json") && !(there.Contains("config.json") && there.Contains("scheduler_config.json")))
            throw new CheckpointException($"{holder} holds no diffusers folder: neither unet/config.json nor config.json with scheduler_config.json is in it.");

        var found = DiffusersFolder.Files.Where(there.Contains).ToList();
        foreach (var folder in new[] { Network, "" })
        {
            if (!found.Contains(folder + WeightFiles.Whole))
                found.AddRange(WeightFiles.Scattered([.. names.Where(name => name.StartsWith(folder, StringComparison.Ordinal)).Select(name => name[folder.Length..])]).Select(name => folder + name));
        }

        // Where a file lies where it lies today, one of the same name at the top is not the model's, as the first releases wrote it, but something else.
        var isToday = there.Contains("unet/config.json");
        found.RemoveAll(file => found.Any(other => other.EndsWith('/' + file, StringComparison.Ordinal)) || (isToday && WeightFiles.IsWeights(file)));
        return found.Any(file => WeightFiles.IsWeights(Path.GetFileName(file))) ? found : throw new CheckpointException(WithoutWeights(names, holder));
    }

    private static string WithoutWeights(IReadOnlyCollection<string> names, string holder) => names.Any(name => Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".ckpt")
        ? $"{holder} holds its weights as a pickle ({Path.GetExtension(names.First(name => Path.GetExtension(name) is ".bin" or ".pt" or ".pth" or ".ckpt"))}), which can run code and is never read. {DiffusersFolder.HowToConvert}"
        : $"{holder} holds no weights: {WeightFiles.Whole} is missing beside the network's config.json.";
}
