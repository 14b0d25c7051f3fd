using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>What follows a sum on its way into the result: y = (sum + bias + summand of the picture + residual) · factor.</summary>
/// <param name="Bias">A value for each channel, to the end of the last panel.</param>
internal readonly unsafe record struct Epilogue(nint Bias)
{
    /// <summary>A value for each channel of each picture; 0 for none.</summary>
    public nint OfPicture { get; init; }

    /// <summary>Floats from picture to picture of <see cref="OfPicture"/>.</summary>
    public int OfPictureStride { get; init; }

    /// <summary>Laid out like the result, and may be the result; 0 for none.</summary>
    public nint Residual { get; init; }

    /// <summary>Multiplied at the end.</summary>
    public float Factor { get; init; } = 1;

    /// <summary>Finishes 16 channels of a pixel.</summary>
    /// <param name="sum">Of the products.</param>
    /// <param name="picture">Which.</param>
    /// <param name="channel">The first of the 16.</param>
    /// <param name="target">Where they go.</param>
    /// <param name="place">Floats from the beginning of the result to <paramref name="target"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Store(Vector512<float> sum, int picture, int channel, float* target, long place)
    {
        sum += Vector512.Load((float*)Bias + channel);
        if (OfPicture != 0)
            sum += Vector512.Load((float*)OfPicture + ((long)picture * OfPictureStride) + channel);
        if (Residual != 0)
            sum += Vector512.Load((float*)Residual + place);
        if (Factor != 1)
            sum *= Factor;
        sum.Store(target);
    }
}
