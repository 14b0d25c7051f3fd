namespace Ddpm.Engine.Checkpoints;

/// <summary>A list of the files of a checkpoint with their hashes, in the form of <c>sha256sum</c>, which can check it too: whatever is missing, torn or altered is found,
/// the list itself included.</summary>
internal static class FileList
{
    private const int HashLength = 64;

    /// <summary>Lists all files of JSON and of tensors that are there.</summary>
    /// <param name="folder">Whose; with all below it.</param>
    /// <param name="name">Of the list, below the folder.</param>
    /// <param name="known">Hashes of files that need not be read again, by their names.</param>
    public static void Write(string folder, string name, Dictionary<string, string> known) =>
        DiffusersFolder.WriteText(Path.Combine(folder, name), string.Concat(
            NamesIn(folder).Select(file => $"{known.GetValueOrDefault(file) ?? FileHash.Sha256(Path.Combine(folder, file))}  {file}\n")));

    /// <summary>Compares all files with the list.</summary>
    /// <returns>Whether there is one.</returns>
    /// <exception cref="CheckpointException">They are not those that were listed; the message names the first that is not.</exception>
    public static bool Check(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path))
            return false;
        var listed = File.ReadAllLines(path).Select(line => line.Length > HashLength + 2 ? (Hash: line[..HashLength], File: line[(HashLength + 2)..]) : throw Damaged(name)).ToList();
        var there = NamesIn(folder);
        if (there.Except(listed.Select(line => line.File)).FirstOrDefault() is { } stranger)
            throw new CheckpointException($"{name} is damaged: it does not list {stranger}.");
        foreach (var (hash, file) in listed)
        {
            if (!there.Contains(file))
                throw new CheckpointException($"{file} is missing.");
            if (FileHash.Sha256(Path.Combine(folder, file)) != hash)
                throw new CheckpointException($"{file} is damaged: its SHA-256 is not the one that was recorded.");
        }

        return listed.Count > 0 ? true : throw Damaged(name);
    }

    private static CheckpointException Damaged(string name) => new($"{name} is damaged.");

    private static List<string> NamesIn(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'))
            .Where(file => Path.GetExtension(file) is ".json" or ".safetensors").Order(StringComparer.Ordinal)];
}
