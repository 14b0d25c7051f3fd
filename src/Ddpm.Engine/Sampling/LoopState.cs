using static TorchSharp.torch;

namespace Ddpm.Engine.Sampling;

/// <summary>A batch on its way: x of each picture that is not finished, and what the last three steps kept. Its tensors live in the loop's dispose scope.</summary>
internal sealed class LoopState
{
    private readonly Tensor?[] _history = new Tensor?[3];

    private LoopState(List<int> active, Tensor sample)
    {
        Active = active;
        Sample = sample;
    }

    /// <summary>Indices of the pictures, in the order in which they lie in the batch.</summary>
    public List<int> Active { get; private set; }

    /// <summary>x, <c>[active, channels, height, width]</c>.</summary>
    public Tensor Sample { get; private set; }

    /// <summary>What the last step kept, the one before it, and the one before that; null where nothing was.</summary>
    public IReadOnlyList<Tensor?> History => _history;

    public static LoopState At(List<int> active, Tensor sample) => new(active, sample);

    /// <summary>A step is done. Called inside the step's own dispose scope, which both tensors leave.</summary>
    public void MoveTo(Tensor next, Tensor? kept)
    {
        Sample.Dispose();
        Sample = next.MoveToOuterDisposeScope();
        _history[2]?.Dispose();
        (_history[0], _history[1], _history[2]) = (kept?.MoveToOuterDisposeScope(), _history[0], _history[1]);
    }

    /// <summary>Takes finished pictures out of the batch.</summary>
    /// <param name="isDone">By index.</param>
    /// <param name="finished">Receives them, <c>[1, channels, height, width]</c> each.</param>
    public void Retire(Func<int, bool> isDone, Tensor?[] finished)
    {
        var staying = Enumerable.Range(0, Active.Count).Where(slot => !isDone(Active[slot])).ToArray();
        if (staying.Length == Active.Count)
            return;
        foreach (var slot in Enumerable.Range(0, Active.Count).Except(staying))
            finished[Active[slot]] = Sample[slot].unsqueeze(0);
        var rows = tensor(staying.Select(slot => (long)slot).ToArray()).Send(Sample.device);
        Sample = Sample.index_select(0, rows);
        for (var age = 0; age < _history.Length; age++)
            _history[age] = _history[age]?.index_select(0, rows);
        Active = [.. staying.Select(slot => Active[slot])];
    }
}
