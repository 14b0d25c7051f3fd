using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Worker.Tests;

/// <summary>A diffusers folder with a network of a few channels and random weights.</summary>
internal static class TinyModel
{
    public static UNetConfig Network { get; } = new()
    {
        SampleSize = 8,
        BlockOutChannels = [8],
        LayersPerBlock = 1,
        NormNumGroups = 4,
        DownBlockTypes = ["DownBlock2D"],
        UpBlockTypes = ["UpBlock2D"],
    };

    public static string Write(string folder)
    {
        TorchRuntime.Initialize();
        manual_seed(1);
        using var network = new UNet(Network);
        DiffusersFolder.Write(folder, network, new NoiseScheduleConfig());
        return folder;
    }
}
