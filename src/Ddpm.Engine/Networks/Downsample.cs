using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>Halves height and width by a 3×3 convolution of stride 2.</summary>
internal sealed class Downsample : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Conv2d conv;
    private readonly bool _padRightAndBottom;

    public Downsample(int channels, int padding)
        : base(nameof(Downsample))
    {
        _padRightAndBottom = padding == 0;
        conv = nn.Conv2d(channels, channels, 3, stride: 2, padding: padding);
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="embedding">Unused: a residual block may stand in this place.</param>
    public override Tensor forward(Tensor x, Tensor embedding) =>
        conv.call(_padRightAndBottom ? nn.functional.pad(x, [0, 1, 0, 1]) : x);
}
