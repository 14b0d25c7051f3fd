using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling.Steps;

/// <summary>x, and what the last three steps kept, of the pictures on a device, each in a slot of its own.</summary>
/// <remarks>All that needs room is made before anything is written: where there is none, everything is as it was, and may be tried again with fewer pictures.</remarks>
internal sealed class DeviceImages(Device device, long[] shape) : IDisposable
{
    private readonly Tensor?[] _history = new Tensor?[3]; // null until a step keeps something
    private readonly Stack<int> _free = new();
    private Tensor? _sample; // [slots, channels, height, width]

    /// <summary>Slots for more pictures.</summary>
    /// <param name="start">Their x, <c>[pictures, channels, height, width]</c>.</param>
    public int[] Begin(Tensor start)
    {
        var count = (int)start.shape[0];
        if (_free.Count < count)
            Grow((int)Math.Max((_sample?.shape[0] ?? 0) * 2, (_sample?.shape[0] ?? 0) + count));
        int[] slots = [.. _free.Take(count)];
        _sample!.index_copy_(0, tensor(slots.Select(slot => (long)slot).ToArray()).Send(device), start);
        foreach (var _ in slots)
            _free.Pop();
        return slots;
    }

    public void Free(int slot) => _free.Push(slot);

    /// <summary>x of the pictures in some slots, a copy.</summary>
    public Tensor Sample(Tensor slots) => _sample!.index_select(0, slots);

    /// <summary>What they kept so many steps ago, a copy.</summary>
    public Tensor History(int age, Tensor slots) => _history[age]!.index_select(0, slots);

    /// <summary>A step is done.</summary>
    /// <param name="slots">Of the pictures that took it.</param>
    /// <param name="sample">Their x.</param>
    /// <param name="kept">What it kept; null where none of them remembers anything.</param>
    public void Put(Tensor slots, Tensor sample, Tensor? kept)
    {
        if (kept is not null)
        {
            for (var age = 0; age < _history.Length; age++)
                _history[age] ??= zeros_like(_sample!).DetachFromDisposeScope();
            Tensor[] moved = [kept, History(0, slots), History(1, slots)];
            for (var age = 0; age < _history.Length; age++)
                _history[age]!.index_copy_(0, slots, moved[age]);
        }

        _sample!.index_copy_(0, slots, sample);
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
        using var scope = NewDisposeScope(); // of what is made, where there is no room for all of it
        Tensor?[] grown = [.. _history.Prepend(_sample).Select(Grown)];
        grown[0] ??= zeros([slots, .. shape], ScalarType.Float32, device);
        Dispose();
        _sample = grown[0]!.DetachFromDisposeScope();
        for (var age = 0; age < _history.Length; age++)
            _history[age] = grown[age + 1]?.DetachFromDisposeScope();
        for (var slot = slots - 1; slot >= before; slot--)
            _free.Push(slot);

        Tensor? Grown(Tensor? old)
        {
            if (old is null)
                return null;
            var larger = zeros([slots, .. shape], ScalarType.Float32, device);
            larger.narrow(0, 0, before).copy_(old);
            return larger;
        }
    }
}
