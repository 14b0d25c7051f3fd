using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Networks;

/// <summary>Doubles height and width: each pixel four times, then a 3×3 convolution.</summary>
internal sealed class Upsample : nn.Module<Tensor, Tensor, Tensor>
{
    private readonly Conv2d conv;

    public Upsample(int channels)
        : base(nameof(Upsample))
    {
        conv = nn.Conv2d(channels, channels, 3, padding: 1);
        RegisterComponents();
    }

    /// <param name="x"><c>[batch, channels, height, width]</c>. Borrowed.</param>
    /// <param name="embedding">Unused: a residual block may stand in this place.</param>
    public override Tensor forward(Tensor x, Tensor embedding) =>
        conv.call(nn.functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest));
}
