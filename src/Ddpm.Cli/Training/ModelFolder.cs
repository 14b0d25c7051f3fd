namespace Ddpm.Cli.Training;

/// <summary>A checkpoint as others load it: <c>model_index.json</c>, <c>unet/</c>, <c>scheduler/</c>, without <c>training/</c>.</summary>
internal static class ModelFolder
{
    public static void Copy(string checkpoint, string target)
    {
        foreach (var file in Directory.EnumerateFiles(checkpoint, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(checkpoint, file);
            if (name.StartsWith("training" + Path.DirectorySeparatorChar, StringComparison.Ordinal))
                continue;
            var copy = Path.Combine(target, name);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
