using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>Pictures whose channels lie side by side in memory while their shape stays <c>[batch, channels, height, width]</c>: what the faster convolutions of oneDNN, and tensor cores, work in.
/// TorchSharp 0.107 has no memory formats, so strides are made by permuting.</summary>
internal static class ChannelsLast
{
    /// <summary>The same pictures in that order; <paramref name="pictures"/> itself where it is so already.</summary>
    public static Tensor Of(Tensor pictures) => IsSo(pictures) ? pictures : pictures.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>Room for pictures in that order.</summary>
    public static Tensor Empty(Tensor like)
    {
        var shape = like.shape;
        return empty([shape[0], shape[2], shape[3], shape[1]], dtype: like.dtype, device: like.device).permute(0, 3, 1, 2);
    }

    /// <summary>Puts the weights of every convolution into that order, in place.</summary>
    public static void Convert(UNet network)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        foreach (var weight in network.parameters().Where(parameter => parameter.ndim == 4))
            weight.set_(Of(weight));
    }

    public static bool IsSo(Tensor pictures) => pictures.permute(0, 2, 3, 1).is_contiguous();
}
