using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Training;

/// <summary>The simplified objective: how far the network's ε̂ is from the noise that was added. Ho et al. 2020, eq. 14.</summary>
/// <param name="forwardProcess">Makes x_t. Borrowed.</param>
public sealed class DenoisingLoss(ForwardProcess forwardProcess)
{
    /// <summary>E[(ε − ε̂(x_t, t))²] over a batch.</summary>
    /// <param name="network">In training mode. Borrowed.</param>
    /// <param name="original">x_0, float32 <c>[batch, channels, height, width]</c> in [-1, 1]. Borrowed.</param>
    /// <param name="noise">ε, shaped alike. Borrowed.</param>
    /// <param name="timesteps">int64 <c>[batch]</c>, each in [0, T). Borrowed.</param>
    /// <returns>A scalar with its graph; the caller disposes it.</returns>
    public Tensor Compute(UNet network, Tensor original, Tensor noise, Tensor timesteps)
    {
        using var noisy = forwardProcess.AddNoise(original, noise, timesteps);
        var predicted = network.call(noisy, timesteps, null);
        return nn.functional.mse_loss(predicted, noise);
    }
}
