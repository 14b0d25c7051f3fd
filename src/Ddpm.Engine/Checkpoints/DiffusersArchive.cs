using System.IO.Compression;

namespace Ddpm.Engine.Checkpoints;

/// <summary>Unpacks the files of a diffusers folder from a zip, and nothing else: no name of the archive ever becomes a path.</summary>
public static class DiffusersArchive
{
    private const int MaxEntries = 10_000;
    private const long MaxConfigBytes = 1 << 20;

    /// <summary>Most bytes of weights that are unpacked unless told otherwise: 8 GiB.</summary>
    public const long UsualMaxWeightBytes = 8L << 30;

    /// <summary>Unpacks a zip of a diffusers folder; the folder may lie some levels down in it.</summary>
    /// <param name="zip">The file.</param>
    /// <param name="folder">Receives the files; those of the same names must not be there.</param>
    /// <param name="maxWeightBytes">Weights of more bytes are refused, whatever the zip announces.</param>
    /// <param name="cancellationToken">Looked at while copying.</param>
    /// <exception cref="CheckpointException">It is no zip, holds no model, or too much.</exception>
    public static void Extract(string zip, string folder, long maxWeightBytes, CancellationToken cancellationToken)
    {
        try
        {
            using var archive = ZipFile.OpenRead(zip);
            if (archive.Entries.Count > MaxEntries)
                throw new CheckpointException($"The zip has {archive.Entries.Count} entries; a model has a handful.");
            var top = TopFolder(archive);
            var entries = archive.Entries.ToLookup(NameOf, StringComparer.Ordinal);
            var found = DiffusersFolder.Files.Select(file => (File: file, Entry: entries[top + file].FirstOrDefault())).Where(pair => pair.Entry is not null).ToList();
            if (!found.Any(pair => pair.File.EndsWith(".safetensors", StringComparison.Ordinal)))
                throw new CheckpointException(WithoutWeights(archive));
            foreach (var (file, entry) in found)
                Copy(entry!, Path.Combine(folder, file), file.EndsWith(".json", StringComparison.Ordinal) ? MaxConfigBytes : maxWeightBytes, cancellationToken);
        }
        catch (InvalidDataException damage)
        {
            throw new CheckpointException($"The zip is damaged or not a zip: {damage.Message}", damage);
        }
    }

    // A folder that was zipped as such lies one level down; it is found by the file that every model has.
    private static string TopFolder(ZipArchive archive)
    {
        var names = archive.Entries.Select(NameOf).ToList();
        var configs = names
            .Select(name => name.EndsWith("unet/config.json", StringComparison.Ordinal) ? name[..^"unet/config.json".Length]
                : name.EndsWith("scheduler_config.json", StringComparison.Ordinal) && !name.EndsWith("scheduler/scheduler_config.json", StringComparison.Ordinal)
                    ? name[..^"scheduler_config.json".Length] : null)
            .OfType<string>()
            .Where(prefix => prefix.Length == 0 || prefix.EndsWith('/'))
            .ToList();
        if (configs.Count > 0)
            return configs.MinBy(prefix => prefix.Length)!;
        throw new CheckpointException(names.Any(name => name.EndsWith("data.pkl", StringComparison.Ordinal))
            ? "The file is a pickle of PyTorch, which can run code and is never read. " + DiffusersFolder.HowToConvert
            : "The zip holds no diffusers folder: neither unet/config.json nor config.json with scheduler_config.json is in it.");
    }

    private static string WithoutWeights(ZipArchive archive) => archive.Entries.Any(entry => entry.Name.EndsWith(".bin", StringComparison.Ordinal))
        ? "The zip holds its weights as a pickle (.bin), which can run code and is never read. " + DiffusersFolder.HowToConvert
        : "The zip holds no weights: diffusion_pytorch_model.safetensors is missing beside the network's config.json.";

    private static void Copy(ZipArchiveEntry entry, string path, long maxBytes, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var source = entry.Open();
        using var target = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        var buffer = new byte[1 << 17];
        int read;
        while ((read = source.Read(buffer)) > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (target.Length + read > maxBytes)
                throw new CheckpointException($"{entry.Name} in the zip has more than {maxBytes} bytes, which is the limit.");
            target.Write(buffer, 0, read);
        }

        target.Flush(flushToDisk: true);
    }

    private static string NameOf(ZipArchiveEntry entry) => entry.FullName.Replace('\\', '/');
}
