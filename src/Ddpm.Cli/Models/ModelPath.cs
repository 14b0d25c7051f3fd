using Ddpm.Cli.CommandLine;
using Ddpm.Engine.Checkpoints;

namespace Ddpm.Cli.Models;

/// <summary>Finds the folder of a model.</summary>
internal static class ModelPath
{
    /// <summary>Folder of the models that come with the program; each sub-folder is one.</summary>
    public static string Builtin { get; } = Path.Combine(AppContext.BaseDirectory, "models");

    /// <summary>The folder itself, or the model of that name that comes with the program.</summary>
    /// <exception cref="UserErrorException">It is neither.</exception>
    public static string Find(string nameOrFolder)
    {
        if (DiffusersFolder.IsOne(nameOrFolder))
            return nameOrFolder;
        if (Directory.Exists(nameOrFolder))
            throw new UserErrorException(DiffusersFolder.IsOne(Path.Combine(nameOrFolder, "model"))
                ? $"'{nameOrFolder}' is a training run; its model is '{Path.Combine(nameOrFolder, "model")}'."
                : $"'{nameOrFolder}' is no diffusers folder: neither unet/config.json nor config.json with scheduler_config.json is in it.");
        return Names().Contains(nameOrFolder)
            ? Path.Combine(Builtin, nameOrFolder)
            : throw new UserErrorException($"'{nameOrFolder}' is not there; a diffusers folder, or a model that comes with Ddpm ({string.Join(", ", Names())}), is accepted.");
    }

    /// <summary>A folder to read a model from: as <see cref="Find"/>, or a zip, which is unpacked below <paramref name="temporary"/>.</summary>
    public static string FindOrUnpack(string source, TemporaryFolder temporary, CancellationToken cancellationToken)
    {
        if (!File.Exists(source))
            return Find(source);
        using (var file = File.OpenRead(source))
            if (file.ReadByte() != 'P' || file.ReadByte() != 'K')
                throw new UserErrorException($"'{source}' is no zip; a diffusers folder or a zip of one is accepted. Pickles (.bin, .pt, .ckpt) are never read: convert them to safetensors.");
        var folder = temporary.Below("model");
        DiffusersArchive.Extract(source, folder, DiffusersArchive.UsualMaxWeightBytes, cancellationToken);
        return folder;
    }

    private static IEnumerable<string?> Names() =>
        Directory.Exists(Builtin) ? Directory.GetDirectories(Builtin).Where(DiffusersFolder.IsOne).Select(Path.GetFileName).Order(StringComparer.Ordinal) : [];
}
