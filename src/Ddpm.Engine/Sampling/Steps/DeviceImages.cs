using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>x, and what the last three steps kept, of the pictures on a device, each in a slot of its own.</summary>
internal sealed class DeviceImages(Device device, long[] shape) : IDisposable
{
    private readonly Tensor?[] _history = new Tensor?[3]; // null until a step keeps something
    private readonly Stack<int> _free = new();
    private Tensor? _sample; // [slots, channels, height, width]

    /// <summary>Slots for more pictures.</summary>
    public int[] Reserve(int count)
    {
        if (_free.Count < count)
            Grow((int)Math.Max((_sample?.shape[0] ?? 0) * 2, (_sample?.shape[0] ?? 0) + count));
        return [.. Enumerable.Range(0, count).Select(_ => _free.Pop())];
    }

    public void Free(int slot) => _free.Push(slot);

    /// <summary>x of the pictures in some slots, a copy.</summary>
    public Tensor Sample(Tensor slots) => _sample!.index_select(0, slots);

    /// <summary>What they kept so many steps ago, a copy.</summary>
    public Tensor History(int age, Tensor slots) => _history[age]!.index_select(0, slots);

    public void Put(Tensor slots, Tensor sample) => _sample!.index_copy_(0, slots, sample);

    /// <summary>A step is done, and this is what it kept.</summary>
    public void Keep(Tensor slots, Tensor kept)
    {
        for (var age = 0; age < 3; age++)
            _history[age] ??= zeros_like(_sample!).DetachFromDisposeScope();
        for (var age = 2; age > 0; age--)
            _history[age]!.index_copy_(0, slots, History(age - 1, slots));
        _history[0]!.index_copy_(0, slots, kept);
    }

    public void Dispose()
    {
        _sample?.Dispose();
        foreach (var kept in _history)
            kept?.Dispose();
    }

    private void Grow(int slots)
    {
        var before = (int)(_sample?.shape[0] ?? 0);
        _sample = Grown(_sample);
        for (var age = 0; age < 3; age++)
            _history[age] = _history[age] is { } kept ? Grown(kept) : null;
        for (var slot = slots - 1; slot >= before; slot--)
            _free.Push(slot);

        Tensor Grown(Tensor? old)
        {
            var grown = zeros([slots, .. shape], ScalarType.Float32, device).DetachFromDisposeScope();
            if (old is not null)
            {
                grown.narrow(0, 0, before).copy_(old);
                old.Dispose();
            }

            return grown;
        }
    }
}
