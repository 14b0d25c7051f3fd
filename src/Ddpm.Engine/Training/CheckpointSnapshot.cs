using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>Named tensors of a checkpoint, by the file they go to.</summary>
/// <param name="Model">What pictures are drawn with.</param>
/// <param name="Raw">The weights that are trained.</param>
/// <param name="Moments">AdamW's.</param>
internal sealed record CheckpointTensors(
    IReadOnlyDictionary<string, Tensor> Model, IReadOnlyDictionary<string, Tensor> Raw, IReadOnlyDictionary<string, Tensor> Moments);

/// <summary>A copy of a checkpoint's tensors in the memory of the CPU, taken while training stands still and written while it goes on. 16 bytes a weight (12 without an average),
/// taken at the first use and kept for the next.</summary>
internal sealed class CheckpointSnapshot : IDisposable
{
    private readonly List<(Tensor Source, Tensor Copy)> _pairs = [];

    /// <param name="sources">On any device. Borrowed.</param>
    public CheckpointSnapshot(CheckpointTensors sources)
    {
        var raw = Room(sources.Raw);
        // Without an average both are the same weights.
        Tensors = new CheckpointTensors(sources.Model == sources.Raw ? raw : Room(sources.Model), raw, Room(sources.Moments));
    }

    /// <summary>The copies. Owned.</summary>
    public CheckpointTensors Tensors { get; }

    /// <summary>Copies all of them as they are now.</summary>
    public void Take()
    {
        using var noGradients = no_grad();
        foreach (var (source, copy) in _pairs)
            copy.copy_(source);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, copy) in _pairs)
            copy.Dispose();
    }

    // Pinned where it comes from a GPU, which then copies several times as fast.
    private Dictionary<string, Tensor> Room(IReadOnlyDictionary<string, Tensor> sources) => sources.ToDictionary(pair => pair.Key, pair =>
    {
        using var scope = NewDisposeScope();
        var room = empty(pair.Value.shape, dtype: pair.Value.dtype);
        var copy = (pair.Value.device_type == TorchSharp.DeviceType.CUDA ? room.pin_memory() : room).DetachFromDisposeScope();
        _pairs.Add((pair.Value, copy));
        return copy;
    });
}
