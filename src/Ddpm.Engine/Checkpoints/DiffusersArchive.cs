using System.IO.Compression;

namespace Ddpm.Engine.Checkpoints;

/// <summary>Unpacks the files of a diffusers folder from a zip, and nothing else: no name of the archive ever becomes a path.</summary>
public static class DiffusersArchive
{
    private const int MaxEntries = 10_000;
    private const long MaxConfigBytes = 1 << 20;

    // Weights hardly shrink. Networks of a few channels, whose configurations weigh as much as they do, get a little more.
    private const int MaxExpansionRatio = 20;
    private const long AlwaysAllowedBytes = 1 << 20;

    /// <summary>Most bytes of weights that are unpacked unless told otherwise: 8 GiB.</summary>
    public const long UsualMaxWeightBytes = 8L << 30;

    /// <summary>Unpacks a zip of a diffusers folder; the folder may lie some levels down in it.</summary>
    /// <param name="zip">The file.</param>
    /// <param name="folder">Receives the files; those of the same names must not be there.</param>
    /// <param name="maxWeightBytes">Weights of more bytes together are refused, whatever the zip announces, and so is what unpacks to 20 times the zip.</param>
    /// <param name="cancellationToken">Looked at while copying.</param>
    /// <param name="makeRoom">Told before files are written how many bytes more they will have; throws where they do not fit. Null for no such look.</param>
    /// <exception cref="CheckpointException">It is no zip, holds no model, or too much.</exception>
    public static void Extract(string zip, string folder, long maxWeightBytes, CancellationToken cancellationToken, Action<long>? makeRoom = null)
    {
        try
        {
            using var file = File.OpenRead(zip);
            if (ZipDirectory.AnnouncedEntries(file) is var count and > MaxEntries)
                throw new CheckpointException($"The zip has {count} entries; a model has a handful.");
            using var archive = new ZipArchive(file, ZipArchiveMode.Read);
            var room = file.Length * MaxExpansionRatio + AlwaysAllowedBytes;
            var weights = maxWeightBytes;
            var ahead = new RoomAhead(makeRoom);
            ahead.Ask(file.Length); // what most take; what shrank in the zip asks for more as it comes
            foreach (var (name, entry) in Find(archive))
            {
                var isWeights = WeightFiles.IsWeights(Path.GetFileName(name));
                var bytes = isWeights
                    ? Copy(entry, Path.Combine(folder, name), weights, $"The weights in the zip have more than {maxWeightBytes} bytes, which is the limit.", room, ahead, cancellationToken)
                    : Copy(entry, Path.Combine(folder, name), MaxConfigBytes, $"{entry.Name} in the zip has more than {MaxConfigBytes} bytes, which is the limit.", room, ahead, cancellationToken);
                (room, weights) = (room - bytes, weights - (isWeights ? bytes : 0));
            }
            WeightFiles.Gather(folder, makeRoom);
            WeightFiles.Gather(Path.Combine(folder, "unet"), makeRoom);
        }
        catch (InvalidDataException damage)
        {
            throw new CheckpointException($"The zip is damaged or not a zip: {damage.Message}", damage);
        }
    }

    private static List<(string Name, ZipArchiveEntry Entry)> Find(ZipArchive archive)
    {
        var top = TopFolder(archive);
        var entries = archive.Entries.Where(entry => NameOf(entry).StartsWith(top, StringComparison.Ordinal)).ToLookup(entry => NameOf(entry)[top.Length..], StringComparer.Ordinal);
        return [.. ModelFiles.Choose([.. entries.Select(entry => entry.Key)], "The zip").Select(name => (name, entries[name].First()))];
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

    private static long Copy(ZipArchiveEntry entry, string path, long maxBytes, string tooLarge, long room, RoomAhead ahead, CancellationToken cancellationToken)
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
                throw new CheckpointException(tooLarge);
            if (target.Length + read > room)
                throw new CheckpointException($"The zip unpacks to more than {MaxExpansionRatio} times its size, at {entry.Name}; weights hardly shrink, so it is not a model's.");
            ahead.Write(read);
            target.Write(buffer, 0, read);
        }

        target.Flush(flushToDisk: true);
        return target.Length;
    }

    private static string NameOf(ZipArchiveEntry entry) => entry.FullName.Replace('\\', '/');
}
