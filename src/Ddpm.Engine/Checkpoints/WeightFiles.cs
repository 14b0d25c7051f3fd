using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Ddpm.Engine.Checkpoints;

/// <summary>The forms that a network's weights come in: one file; several, with an index; or one in half precision, which diffusers calls a variant.</summary>
public static partial class WeightFiles
{
    /// <summary>The one file.</summary>
    public const string Whole = "diffusion_pytorch_model.safetensors";

    private const string Half = "diffusion_pytorch_model.fp16.safetensors";
    private const string Index = Whole + ".index.json";
    private const int MaxIndexBytes = 16 << 20;

    /// <summary>Whether a file of this name, in the network's folder, holds weights that are read.</summary>
    public static bool IsWeights(string name) => name is Whole or Half || ShardName().IsMatch(name);

    /// <summary>The files that hold the weights where <see cref="Whole"/> does not; none where nothing does.</summary>
    /// <param name="names">Of the files in the network's folder.</param>
    public static IReadOnlyList<string> Scattered(IReadOnlyCollection<string> names) =>
        names.Contains(Index) && names.Where(name => ShardName().IsMatch(name)).ToList() is { Count: > 0 } shards ? [Index, .. shards.Order(StringComparer.Ordinal)]
        : names.Contains(Half) ? [Half]
        : [];

    /// <summary>Whether the weights in a folder must be gathered before they can be read.</summary>
    public static bool AreScattered(string folder) => Directory.Exists(folder) && !File.Exists(Path.Combine(folder, Whole)) && Scattered(NamesIn(folder)).Count > 0;

    /// <summary>Makes <see cref="Whole"/> of what there is instead, in a folder that is the caller's own: nothing else of the weights is left there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="makeRoom">Told how many bytes the one file will have, which is written while the several are still there; throws where they do not fit. Null for no such look.</param>
    /// <exception cref="CheckpointException">The files do not fit together.</exception>
    public static void Gather(string folder, Action<long>? makeRoom = null)
    {
        if (!AreScattered(folder))
            return;
        var files = Scattered(NamesIn(folder));
        if (files is [Half])
        {
            File.Move(Path.Combine(folder, Half), Path.Combine(folder, Whole));
            return;
        }
        Merge(folder, Map(Path.Combine(folder, Index)), makeRoom);
        foreach (var file in files)
            File.Delete(Path.Combine(folder, file));
    }

    private static List<string> NamesIn(string folder) => [.. Directory.EnumerateFiles(folder).Select(file => Path.GetFileName(file))];

    // Which file holds which tensor. Its names become no paths: they must be those of shards.
    private static Dictionary<string, string> Map(string path)
    {
        if (new FileInfo(path).Length > MaxIndexBytes)
            throw new CheckpointException($"{Index} has more than {MaxIndexBytes:N0} bytes.");
        try
        {
            var map = JsonNode.Parse(File.ReadAllText(path), documentOptions: new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false })?["weight_map"] as JsonObject
                ?? throw new JsonException("it holds no weight_map.");
            return map.ToDictionary(pair => pair.Key, pair => (string?)pair.Value is { } file && ShardName().IsMatch(file) ? file : throw new JsonException($"'{pair.Value}' is no name of a file of weights."));
        }
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new CheckpointException($"{Index} cannot be read: {Refusal.OfJson(fault)}", fault);
        }
    }

    private static void Merge(string folder, Dictionary<string, string> map, Action<long>? makeRoom)
    {
        var parts = new List<(string File, SafetensorsEntry Entry)>();
        foreach (var shard in map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            using var file = Safetensors.Open(Path.Combine(folder, shard));
            foreach (var entry in file.Entries.OrderBy(entry => entry.Offset))
                parts.Add(map.GetValueOrDefault(entry.Name) == shard ? (shard, entry) : throw new CheckpointException($"{shard} holds '{entry.Name}', which {Index} does not list there."));
        }
        if (map.Keys.Except(parts.Select(part => part.Entry.Name)).FirstOrDefault() is { } missing)
            throw new CheckpointException($"{map[missing]} lacks '{missing}', which {Index} lists there.");

        var offset = 0L;
        var header = SafetensorsHeader.Write(
            [.. parts.Select(part => part.Entry with { Offset = (offset += part.Entry.Length) - part.Entry.Length })], new Dictionary<string, string> { ["format"] = "pt" });
        makeRoom?.Invoke(header.Length + offset);
        using var whole = new FileStream(Path.Combine(folder, Whole), FileMode.CreateNew, FileAccess.Write, FileShare.None, 1 << 20);
        whole.Write(header);
        foreach (var shard in parts.GroupBy(part => part.File))
        {
            // Its data has no holes (its header was checked) and the tensors go in their order.
            using var data = File.OpenRead(Path.Combine(folder, shard.Key));
            data.Position = data.Length - shard.Sum(part => part.Entry.Length);
            data.CopyTo(whole);
        }
        whole.Flush(flushToDisk: true);
    }

    [GeneratedRegex(@"^diffusion_pytorch_model-\d{5}-of-\d{5}\.safetensors$")]
    private static partial Regex ShardName();
}
