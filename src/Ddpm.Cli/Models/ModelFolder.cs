using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary>A model as others load it: <c>model_index.json</c>, <c>unet/</c>, <c>scheduler/</c>, without <c>training/</c> and whatever else lies there.</summary>
internal static class ModelFolder
{
    public static void Copy(string model, string target)
    {
        foreach (var name in DiffusersFolder.Files.Where(name => File.Exists(Path.Combine(model, name))))
        {
            var copy = Path.Combine(target, name);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(model, name), copy);
        }
    }
}
