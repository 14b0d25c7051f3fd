using static TorchSharp.torch;

namespace Ddpm.Engine.Networks.Cuda;

/// <summary>The memory order that tensor cores convolve in: the channels of a pixel side by side. Shapes and values stay what they are.</summary>
internal static class ChannelsLast
{
    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <returns>The same values in that order; dies with the caller's scope.</returns>
    public static Tensor Of(Tensor x) => x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>Puts the weights of every convolution into that order, in place.</summary>
    public static void Convert(UNet network)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        foreach (var weight in network.parameters().Where(parameter => parameter.ndim == 4))
            weight.set_(Of(weight));
    }
}
