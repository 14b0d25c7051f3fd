using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>The activations that <c>act_fn</c> may name. In a residual block they act on the time embedding too.</summary>
internal static class Activation
{
    private static readonly Dictionary<string, Func<Tensor, Tensor>> ByName = new()
    {
        ["silu"] = x => nn.functional.silu(x),
        ["swish"] = x => nn.functional.silu(x),
        ["relu"] = x => nn.functional.relu(x),
        ["gelu"] = x => nn.functional.gelu(x),
        ["mish"] = x => nn.functional.mish(x),
    };

    public static IReadOnlyCollection<string> Names => ByName.Keys;

    public static Func<Tensor, Tensor> Of(string name) => ByName[name];
}
