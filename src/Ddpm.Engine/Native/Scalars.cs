using TorchSharp;
using static TorchSharp.torch;

namespace Ddpm.Engine.Native;

/// <summary>Arithmetic of tensors and numbers. The operators of TorchSharp are not used for it: <c>x / 2</c>, and <c>a + b</c> with its factor of 1, can fail.</summary>
/// <remarks>TorchSharp 0.107 hands libtorch each number as a <see cref="Scalar"/> that nothing keeps hold of during the call: a collection at that moment frees it while it is read, and
/// the call throws "Unknown scalar type" or "Expected false to be true" (c10/core/Scalar.h), or reads another number. It ended runs that collected often: checkpoints every other step.
/// Here a number is held until the call has returned. <c>ScalarTests</c> finds whatever goes past this.</remarks>
internal static class Scalars
{
    /// <summary>The factor that TorchSharp's additions take; never to be disposed.</summary>
    public static readonly Scalar One = 1;

    private static readonly Scalar Two = 2;

    /// <summary>a + b.</summary>
    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    /// <summary>a += b.</summary>
    public static Tensor Plus_(this Tensor a, Tensor b) => a.add_(b, One);

    /// <summary>a + number.</summary>
    public static Tensor Plus(this Tensor a, Scalar number)
    {
        using (number)
            return a.add(number, One);
    }

    /// <summary>a − number.</summary>
    public static Tensor Minus(this Tensor a, Scalar number)
    {
        using (number)
            return a.sub(number);
    }

    /// <summary>number − a.</summary>
    public static Tensor From(this Tensor a, Scalar number)
    {
        using (number)
            return (-a).add(number, One);
    }

    /// <summary>a · number.</summary>
    public static Tensor Times(this Tensor a, Scalar number)
    {
        using (number)
            return a.mul(number);
    }

    /// <summary>a / number.</summary>
    public static Tensor Over(this Tensor a, Scalar number)
    {
        using (number)
            return a.div(number);
    }

    /// <summary>a².</summary>
    public static Tensor Squared(this Tensor a) => a.pow(Two);

    /// <summary>a to the power of a number.</summary>
    public static Tensor Power(this Tensor a, Scalar number)
    {
        using (number)
            return a.pow(number);
    }

    /// <summary>a, or the number where that is larger.</summary>
    public static Tensor AtLeast(this Tensor a, Scalar number)
    {
        using (number)
            return a.clamp_min(number);
    }

    /// <summary>a, moved to the nearest number from <paramref name="least"/> to <paramref name="most"/>.</summary>
    public static Tensor Within(this Tensor a, Scalar least, Scalar most)
    {
        using (least)
        using (most)
            return a.clamp(least, most);
    }

    /// <summary>Where a is less than the number.</summary>
    public static Tensor Below(this Tensor a, Scalar number)
    {
        using (number)
            return a.lt(number);
    }

    /// <summary>Where a is greater than the number.</summary>
    public static Tensor Above(this Tensor a, Scalar number)
    {
        using (number)
            return a.gt(number);
    }

    /// <summary>Every element becomes the number.</summary>
    public static Tensor Become(this Tensor a, Scalar number)
    {
        using (number)
            return a.fill_(number);
    }
}
