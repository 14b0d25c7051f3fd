using System.IO.Compression;
using Ddpm.Worker.Life;

namespace Ddpm.Worker.Models;

/// <summary>Unpacks the files of a diffusers folder from a zip, and nothing else: no name of the archive ever becomes a path.</summary>
internal static class ModelArchive
{
    private const int MaxEntries = 10_000;
    private const long MaxConfigBytes = 1 << 20;

    /// <summary>The files of a model, as they lie in a folder; all but the first may also lie in the root, as the first releases of diffusers wrote them.</summary>
    public static IReadOnlyList<string> Files { get; } =
    [
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json",
        "config.json", "diffusion_pytorch_model.safetensors", "scheduler_config.json",
    ];

    /// <exception cref="JobFailedException">It is no zip, holds no model, or too much.</exception>
    public static void Extract(string zip, string folder, long maxWeightBytes, CancellationToken cancellationToken)
    {
        try
        {
            using var archive = ZipFile.OpenRead(zip);
            if (archive.Entries.Count > MaxEntries)
                throw new JobFailedException($"The zip has {archive.Entries.Count} entries; a model has a handful.");
            var top = TopFolder(archive);
            var entries = archive.Entries.ToLookup(entry => NameOf(entry), StringComparer.Ordinal);
            var found = Files.Select(file => (File: file, Entry: entries[top + file].FirstOrDefault())).Where(pair => pair.Entry is not null).ToList();
            if (!found.Any(pair => pair.File.EndsWith(".safetensors", StringComparison.Ordinal)))
                throw new JobFailedException(WithoutWeights(archive));
            foreach (var (file, entry) in found)
                Copy(entry!, Path.Combine(folder, file), file.EndsWith(".json", StringComparison.Ordinal) ? MaxConfigBytes : maxWeightBytes, cancellationToken);
        }
        catch (InvalidDataException damage)
        {
            throw new JobFailedException($"The zip is damaged or not a zip: {damage.Message}");
        }
    }

    // A folder that was zipped as such lies one level down; it is found by the file that every model has.
    private static string TopFolder(ZipArchive archive)
    {
        var configs = archive.Entries.Select(NameOf)
            .Select(name => name.EndsWith("unet/config.json", StringComparison.Ordinal) ? name[..^"unet/config.json".Length]
                : name.EndsWith("scheduler_config.json", StringComparison.Ordinal) && !name.EndsWith("scheduler/scheduler_config.json", StringComparison.Ordinal)
                    ? name[..^"scheduler_config.json".Length] : null)
            .OfType<string>()
            .Where(prefix => prefix.Length == 0 || prefix.EndsWith('/'))
            .ToList();
        return configs.Count == 0
            ? throw new JobFailedException("The zip holds no diffusers folder: neither unet/config.json nor config.json with scheduler_config.json is in it.")
            : configs.MinBy(prefix => prefix.Length)!;
    }

    private static string WithoutWeights(ZipArchive archive) => archive.Entries.Any(entry => entry.Name.EndsWith(".bin", StringComparison.Ordinal))
        ? "The zip holds its weights as a pickle (.bin), which can run code and is never read. Save the model with safe_serialization=True and zip it again."
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
                throw new JobFailedException($"{entry.Name} in the zip has more than {maxBytes} bytes, which is the limit.");
            target.Write(buffer, 0, read);
        }

        target.Flush(flushToDisk: true);
    }

    private static string NameOf(ZipArchiveEntry entry) => entry.FullName.Replace('\\', '/');
}
