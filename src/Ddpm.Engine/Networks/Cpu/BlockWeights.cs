using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>A network's weights by the end of their names.</summary>
/// <param name="all">By their whole names: float32, on the CPU, contiguous.</param>
/// <param name="prefix">What comes before.</param>
internal sealed class BlockWeights(IReadOnlyDictionary<string, Tensor> all, string prefix = "")
{
    /// <summary>A weight.</summary>
    public Tensor this[string name] => all[prefix + name];

    /// <summary>Those of a part.</summary>
    public BlockWeights Of(string part) => new(all, $"{prefix}{part}.");

    /// <summary>Whether there is one.</summary>
    public bool Has(string name) => all.ContainsKey(prefix + name);
}
