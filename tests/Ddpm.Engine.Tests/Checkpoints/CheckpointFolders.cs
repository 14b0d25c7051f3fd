using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Checkpoints;

internal static class CheckpointFolders
{
    public static UNet LoadNetwork(string folder) => DiffusersFolder.Open(folder).LoadNetwork(CPU);
}
