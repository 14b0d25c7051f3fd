using Ddpm.Engine.Networks;

namespace Ddpm.Engine.Checkpoints;

/// <summary>The few tensors that decide how large a network is. They are looked for in a file's header before the network is built: a
/// configuration of some hundred bytes can ask for terabytes, a file of weights cannot.</summary>
internal static class UNetOutline
{
    /// <exception cref="CheckpointException">The configuration describes another network than the file holds; the message names a tensor.</exception>
    public static void Check(UNetConfig config, string weightsPath)
    {
        using var file = Safetensors.Open(weightsPath);
        var stored = file.Entries.ToDictionary(entry => entry.Name, entry => entry.Shape);
        var name = Path.GetFileName(weightsPath);
        foreach (var (tensor, shape) in Of(config))
        {
            if (!stored.TryGetValue(tensor, out var there))
                throw new CheckpointException($"{name} lacks '{tensor}', which the network's configuration asks for.");
            if (!shape.SequenceEqual(there))
                throw new CheckpointException($"{name}: '{tensor}' has shape [{string.Join(", ", there)}]; the network's configuration needs [{string.Join(", ", shape)}].");
        }
    }

    private static IEnumerable<(string Name, long[] Shape)> Of(UNetConfig config)
    {
        var channels = config.BlockOutChannels;
        yield return ("conv_in.weight", [channels[0], config.InChannels, 3, 3]);
        yield return ("conv_out.weight", [config.OutChannels, channels[0], 3, 3]);
        yield return ("time_embedding.linear_2.weight", [config.TimeEmbeddingWidth, config.TimeEmbeddingWidth]);
        if (config.NumClassEmbeds is { } classes)
            yield return ("class_embedding.weight", [classes, config.TimeEmbeddingWidth]);
        for (var level = 0; level < channels.Count; level++)
        {
            for (var layer = 0; layer < config.LayersPerBlock; layer++)
                yield return ($"down_blocks.{level}.resnets.{layer}.conv2.weight", [channels[level], channels[level], 3, 3]);
        }
    }
}
