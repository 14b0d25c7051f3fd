using System.IO.Compression;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Cli.Tests;

/// <summary>A model that gives ones whatever it gets, and TorchScript that does so too, but only where its timestep is as it wants it.</summary>
internal static class ScriptedNetwork
{
    /// <summary>Writes the model as a folder of a network alone, without a schedule.</summary>
    public static void WriteModel(string folder)
    {
        var down = UNetConfig.DownBlocks(2, _ => false);
        var config = new UNetConfig
        {
            SampleSize = 8,
            BlockOutChannels = [8, 8],
            LayersPerBlock = 1,
            NormNumGroups = 4,
            AttentionHeadDim = 8,
            DownBlockTypes = down,
            UpBlockTypes = UNetConfig.MirroredUpBlocks(down),
        };
        using var network = new UNet(config);
        using (no_grad())
        {
            network.get_parameter("conv_out.weight")!.zero_();
            network.get_parameter("conv_out.bias")!.fill_(1);
        }

        DiffusersFolder.Write(folder, network, new NoiseScheduleConfig());
        Directory.Delete(Path.Combine(folder, "scheduler"), recursive: true);
    }

    /// <param name="file">The file to write.</param>
    /// <param name="condition">That the timestep must meet, in TorchScript.</param>
    /// <param name="value">What it gives.</param>
    public static void WriteScript(string file, string condition, int value = 1)
    {
        using var archive = new ZipArchive(File.Create(file), ZipArchiveMode.Create);
        Write(archive, "ones/version", "3\n"u8);
        Write(archive, "ones/data.pkl", PickleBytes());
        Write(archive, "ones/constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
        Write(archive, "ones/code/__torch__.py", System.Text.Encoding.UTF8.GetBytes($"""
            class Ones(Module):
              __parameters__ = []
              __buffers__ = []
              training : bool
              def forward(self: __torch__.Ones,
                sample: Tensor,
                timestep: Tensor) -> Tensor:
                if {condition}:
                  pass
                else:
                  ops.prim.RaiseException("not this timestep")
                return torch.add(torch.mul(sample, 0), {value})

            """));
    }

    // An object of class __torch__.Ones with training = False, as Python pickles it in protocol 2.
    private static byte[] PickleBytes() =>
        [0x80, 2, .. "c__torch__\nOnes\n)"u8, 0x81, .. "}X\b\0\0\0training"u8, 0x89, .. "sb."u8];

    private static void Write(ZipArchive archive, string name, ReadOnlySpan<byte> content)
    {
        using var entry = archive.CreateEntry(name, CompressionLevel.NoCompression).Open();
        entry.Write(content);
    }
}
