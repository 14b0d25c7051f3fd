using Ddpm.Cli.CommandLine;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using TorchSharp;
using TorchSharp.Modules;

namespace Ddpm.Cli.Bench;

/// <summary>The networks that are measured where no model is given: known shapes, random weights.</summary>
internal static class NamedNetwork
{
    private static readonly Dictionary<string, UNetConfig> Configs = new()
    {
        ["article"] = Article(),
        ["cifar10"] = Cifar10(),
        ["faces"] = Faces(),
    };

    /// <summary>article, cifar10, faces: from the largest to the smallest.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Configs.Keys];

    /// <summary>The folder itself where it is one or a model of that name comes with the program; else the named network, made below <paramref name="temporary"/>.</summary>
    /// <exception cref="UserErrorException">It is none of them.</exception>
    public static string FolderOf(string nameOrFolder, TemporaryFolder temporary)
    {
        if (!Configs.ContainsKey(nameOrFolder) || DiffusersFolder.IsOne(nameOrFolder))
            return Models.ModelPath.Find(nameOrFolder);
        var folder = temporary.Below(nameOrFolder);
        if (!Directory.Exists(folder))
            Write(nameOrFolder, folder, seed: 0);
        return folder;
    }

    /// <summary>Writes a diffusers folder. The same seed gives the same weights.</summary>
    public static void Write(string name, string folder, long seed)
    {
        TorchRuntime.Initialize();
        using var network = Draw(Configs[name], seed);
        DiffusersFolder.Write(folder, network, new NoiseScheduleConfig());
    }

    // Norms begin as the identity, which would hide a norm that forgets its weight or bias.
    private static UNet Draw(UNetConfig config, long seed)
    {
        lock (GlobalRandom.Gate)
        {
            using var noGradients = torch.no_grad();
            torch.manual_seed(seed);
            var network = new UNet(config);
            foreach (var norm in network.modules().OfType<GroupNorm>())
            {
                norm.weight!.normal_(1, 0.2);
                norm.bias!.normal_(0, 0.2);
            }
            return network;
        }
    }

    // The notebook that annotates the article: 113.7 million parameters.
    private static UNetConfig Article()
    {
        var down = UNetConfig.ArticleDownBlocks(6);
        return new UNetConfig { SampleSize = 64, BlockOutChannels = [128, 128, 256, 256, 512, 512], DownBlockTypes = down, UpBlockTypes = UNetConfig.MirroredUpBlocks(down) };
    }

    // google/ddpm-cifar10-32: 35.7 million parameters. Ho et al. 2020, appendix B.
    private static UNetConfig Cifar10()
    {
        var down = UNetConfig.DownBlocks(4, level => level == 1);
        return new UNetConfig
        {
            SampleSize = 32,
            BlockOutChannels = [128, 256, 256, 256],
            DownBlockTypes = down,
            UpBlockTypes = UNetConfig.MirroredUpBlocks(down),
            AttentionHeadDim = null,
            DownsamplePadding = 0,
            FlipSinToCos = false,
            FreqShift = 1,
            NormEps = 1e-6,
        };
    }

    // models/faces-32: 1.3 million parameters.
    private static UNetConfig Faces()
    {
        var down = UNetConfig.DownBlocks(3, level => level == 2);
        return new UNetConfig
        {
            SampleSize = 32,
            BlockOutChannels = [32, 64, 96],
            LayersPerBlock = 1,
            NormNumGroups = 8,
            DownBlockTypes = down,
            UpBlockTypes = UNetConfig.MirroredUpBlocks(down),
        };
    }
}
