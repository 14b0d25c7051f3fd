using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Native;

/// <summary>Sums of tensors in code that runs at every step.</summary>
/// <remarks>TorchSharp 0.107 gives <c>a + b</c> a factor of 1 as a <see cref="Scalar"/> of its own, of which nothing keeps hold while libtorch reads it: a collection at that moment
/// frees it, and the sum fails with "Expected false to be true" (Scalar.h, toBFloat16). It was seen once, after thousands of steps. This factor is never collected.</remarks>
internal static class Scalars
{
    private static readonly Scalar One = 1;

    /// <summary>a + b, the same numbers.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);
}
