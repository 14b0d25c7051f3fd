using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests;

/// <summary>A network of a few channels with every kind of block of the article's, and random weights.</summary>
internal static class TinyModel
{
    public static UNetConfig Network { get; } = new()
    {
        SampleSize = 8,
        BlockOutChannels = [8, 16],
        LayersPerBlock = 1,
        NormNumGroups = 4,
        DownBlockTypes = ["DownBlock2D", "AttnDownBlock2D"],
        UpBlockTypes = ["AttnUpBlock2D", "UpBlock2D"],
    };

    /// <summary>Always the same weights. Whoever draws from torch's generator holds the gate, or the runs of other tests would not be what their seeds make them.</summary>
    public static UNet Build(UNetConfig config)
    {
        lock (GlobalRandom.Gate)
        {
            manual_seed(1);
            return new UNet(config);
        }
    }

    /// <summary>Normal numbers, always the same, without torch's generator.</summary>
    public static Tensor Noise(params ReadOnlySpan<long> shape)
    {
        using var generator = new Generator(5);
        return randn(shape, generator: generator);
    }

    public static string Write(string folder, NoiseScheduleConfig? schedule = null)
    {
        TorchRuntime.Initialize();
        using var network = Build(Network);
        DiffusersFolder.Write(folder, network, schedule ?? new NoiseScheduleConfig());
        return folder;
    }
}
