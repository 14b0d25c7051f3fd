using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Cli.Bench;

/// <summary>What a network is called with.</summary>
/// <param name="Network">Its configuration.</param>
/// <param name="Device">Where.</param>
internal sealed record NetworkInputs(UNetConfig Network, Device Device)
{
    private const int UsualSide = 64; // of networks that do not say; eng/trace-diffusers takes the same

    /// <summary>Height and width.</summary>
    public int Side => Network.SampleSize ?? Math.Max(UsualSide, Network.SizeMultiple);

    /// <summary>Normal noise, float32 <c>[batch, channels, side, side]</c>.</summary>
    public Tensor Sample(int batch) => randn([batch, Network.InChannels, Side, Side], device: Device);

    /// <summary>int64 <c>[batch]</c>: that differ, so that no picture can be taken for another; or all the same.</summary>
    public Tensor Timesteps(int batch, bool differ) =>
        differ ? (arange(batch, dtype: ScalarType.Int64, device: Device) * 61 + 7) % 1000 : Timesteps(batch);

    /// <summary>int64 <c>[batch]</c>, one for all, as the pictures of a request have it.</summary>
    public Tensor Timesteps(int batch) => full([batch], 500, dtype: ScalarType.Int64, device: Device);

    /// <summary>int64 <c>[batch]</c>, one class after another; null for a network that knows none.</summary>
    public Tensor? Labels(int batch) => Network.NumClassEmbeds is { } classes ? arange(batch, dtype: ScalarType.Int64, device: Device) % classes : null;
}
