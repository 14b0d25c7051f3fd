using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The weights that an optimizer moves, and what moves with them.</summary>
/// <param name="Parameters">float32 weights with their names. Where they have no gradient of their own, their copy's counts.</param>
/// <param name="Averages">Their averages, in the same order; null for none.</param>
/// <param name="Copies">Their half-precision copies, which compute; null for none.</param>
internal sealed record MovedTensors(IReadOnlyList<(string Name, Tensor Value)> Parameters, IReadOnlyList<Tensor>? Averages, IReadOnlyList<Tensor>? Copies)
{
    /// <summary>The gradient of each, as new handles; null where there is none.</summary>
    public List<Tensor?> Gradients() =>
        [.. Parameters.Select((parameter, index) => (parameter.Value.grad ?? Copies?[index].grad) is { } gradient ? gradient.contiguous() : null)];

    /// <summary>Drops all gradients.</summary>
    public void ForgetGradients()
    {
        foreach (var tensor in Parameters.Select(parameter => parameter.Value).Concat(Copies ?? []))
            tensor.grad = null;
    }
}
