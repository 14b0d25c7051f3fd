namespace Ddpm.Cli.Sampling;

/// <summary>Finds the folder of a model.</summary>
internal static class ModelPath
{
    /// <summary>Folder of the models that come with the program; each sub-folder is one.</summary>
    public static string Builtin { get; } = Path.Combine(AppContext.BaseDirectory, "models");

    /// <summary>The folder itself, or the model of that name that comes with the program.</summary>
    public static string Find(string nameOrFolder)
    {
        var builtin = Path.Combine(Builtin, nameOrFolder);
        return !Directory.Exists(nameOrFolder) && Directory.Exists(builtin) ? builtin : nameOrFolder;
    }
}
