using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Checkpoints;

/// <summary>A network's weights in a safetensors file, under diffusers' names. Strict: nothing missing, nothing extra, every shape right.</summary>
public static class UNetWeights
{
    /// <summary>Copies the file's values into the network, widening half precision.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, extra, of another shape, no float or not finite; the message names it.</exception>
    public static void Load(UNet network, string path)
    {
        using var noGradients = no_grad();
        using var file = Safetensors.Open(path);
        var name = Path.GetFileName(path);
        var stored = new Dictionary<string, SafetensorsEntry>();
        foreach (var entry in file.Entries)
            if (!stored.TryAdd(WeightNames.Modern(entry.Name), entry))
                throw new CheckpointException($"{name} holds '{WeightNames.Modern(entry.Name)}' twice, under its old and its new name.");

        var expected = network.state_dict();
        if (expected.Keys.Except(stored.Keys).ToList() is { Count: > 0 } missing)
            throw new CheckpointException($"{name} lacks {missing.Count} of the network's {expected.Count} tensors: {Some(missing)}.");
        if (stored.Keys.Except(expected.Keys).ToList() is { Count: > 0 } extra)
            throw new CheckpointException($"{name} holds {extra.Count} tensors that the network does not have: {Some(extra)}.");
        foreach (var (key, target) in expected)
            if (!target.shape.SequenceEqual(stored[key].Shape))
                throw new CheckpointException($"{name}: '{key}' has shape [{string.Join(", ", stored[key].Shape)}]; the network's configuration needs [{string.Join(", ", target.shape)}].");
            else if (stored[key].Dtype is not ("F32" or "F64" or "F16" or "BF16"))
                throw new CheckpointException($"{name}: '{key}' has dtype {stored[key].Dtype}; F32, F16, BF16 or F64 is needed.");

        foreach (var (key, target) in expected)
        {
            using var scope = NewDisposeScope();
            var value = file.Read(stored[key].Name).to(target.dtype);
            if (!value.isfinite().all().item<bool>())
                throw new CheckpointException($"{name}: '{key}' holds values that are not finite.");
            target.copy_(value);
        }
    }

    /// <summary>Writes the network's weights.</summary>
    public static void Save(UNet network, string path) => Safetensors.Write(path, network.state_dict());

    private static string Some(List<string> names) =>
        string.Join(", ", names.Take(5).Select(name => $"'{name}'")) + (names.Count > 5 ? $" and {names.Count - 5} more" : "");
}
