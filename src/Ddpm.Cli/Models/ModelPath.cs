using Ddpm.Cli.CommandLine;
using Ddpm.Cli.Hub;
using Ddpm.Engine.Checkpoints;
using Ddpm.Worker.Hub;

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

    /// <summary>A folder to read a model from: as <see cref="Find"/>; or a zip, or a repository of the hub, whose files are put below <paramref name="temporary"/>.</summary>
    public static string FindOrUnpack(string source, string? hubUrl, TemporaryFolder temporary, CancellationToken cancellationToken)
    {
        if (HubAccess.IsMeant(source))
            return Download(source, hubUrl, temporary, cancellationToken);
        if (!File.Exists(source))
            return Gather(Find(source), temporary);
        using (var file = File.OpenRead(source))
            if (file.ReadByte() != 'P' || file.ReadByte() != 'K')
                throw new UserErrorException($"'{source}' is no zip; a diffusers folder or a zip of one is accepted. Pickles (.bin, .pt, .ckpt) are never read: convert them to safetensors.");
        var folder = temporary.Below("model");
        DiffusersArchive.Extract(source, folder, DiffusersArchive.UsualMaxWeightBytes, cancellationToken);
        return folder;
    }

    private static string Download(string source, string? url, TemporaryFolder temporary, CancellationToken cancellationToken)
    {
        var folder = temporary.Below("model");
        using var hub = HubAccess.Open(url);
        return HubProgress.Run(async progress =>
        {
            await HubModels.FetchAsync(hub, HubAccess.Parse(source, isDataset: false), folder, DiffusersArchive.UsualMaxWeightBytes, progress, cancellationToken);
            return folder;
        });
    }

    // What lies in several files becomes one in a copy: the folder is its owner's.
    private static string Gather(string folder, TemporaryFolder temporary)
    {
        if (!WeightFiles.AreScattered(folder) && !WeightFiles.AreScattered(Path.Combine(folder, "unet")))
            return folder;
        var copy = temporary.Below("model");
        var names = Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file).Replace('\\', '/'));
        foreach (var name in ModelFiles.Choose([.. names], $"'{folder}'"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(copy, name))!);
            File.Copy(Path.Combine(folder, name), Path.Combine(copy, name));
        }
        WeightFiles.Gather(copy);
        WeightFiles.Gather(Path.Combine(copy, "unet"));
        return copy;
    }

    private static IEnumerable<string?> Names() =>
        Directory.Exists(Builtin) ? Directory.GetDirectories(Builtin).Where(DiffusersFolder.IsOne).Select(Path.GetFileName).Order(StringComparer.Ordinal) : [];
}
