using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cpu;

/// <summary>Chooses the algorithm of a 3×3 convolution.</summary>
internal static class Convolutions
{
    /// <param name="weight">[out, in, 3, 3].</param>
    /// <param name="inputs">Channels that come: in, or that and some of zeros.</param>
    /// <param name="size">Of a picture that comes out.</param>
    /// <param name="type">What matrices are multiplied in.</param>
    /// <param name="stride">1 or 2.</param>
    /// <param name="offset">See <see cref="DirectConvolution"/>.</param>
    public static IConvolution Create(Tensor weight, int inputs, (int Height, int Width) size, MatrixType type, int stride = 1, int offset = 0) =>
        stride == 1 && WinogradConvolution.Suits(size.Height, size.Width, inputs, (int)weight.shape[0])
            ? new WinogradConvolution(weight, inputs)
            : new DirectConvolution(weight, inputs, type, stride, offset);
}
