using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>The activations that <c>act_fn</c> may name.</summary>
internal static class Activation
{
    public static Func<Tensor, Tensor> Of(string name) => name switch
    {
        "silu" or "swish" => x => nn.functional.silu(x),
        "relu" => x => nn.functional.relu(x),
        "gelu" => x => nn.functional.gelu(x),
        "mish" => x => nn.functional.mish(x),
        _ => throw new UNetConfigException([$"act_fn is '{name}'; silu, swish, relu, gelu and mish are supported."]),
    };
}
