using Ddpm.Engine;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Benchmarks;

/// <summary>The network that is measured: that of models/faces-32, with random weights.</summary>
internal static class Networks
{
    public const int Size = 32;

    public static UNet Faces32()
    {
        TorchRuntime.Initialize();
        manual_seed(0);
        return new UNet(new UNetConfig
        {
            SampleSize = Size,
            BlockOutChannels = [32, 64, 96],
            LayersPerBlock = 1,
            NormNumGroups = 32,
            DownBlockTypes = UNetConfig.DownBlocks(3, level => level == 2),
            UpBlockTypes = UNetConfig.MirroredUpBlocks(UNetConfig.DownBlocks(3, level => level == 2)),
        });
    }
}
