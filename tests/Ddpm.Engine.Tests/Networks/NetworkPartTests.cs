using System.Runtime.InteropServices;
using Ddpm.Engine.Diffusion;
using Ddpm.Engine.Networks;
using Ddpm.Engine.Training;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks;

/// <summary>Weights and activations that are counted, against those of real networks.</summary>
[Collection(nameof(Alone))]
public sealed partial class NetworkPartTests
{
    private const int Side = 32;
    private const int Batch = 4;

    public static TheoryData<string, bool, ScalarType> Passes => [.. Configs.SelectMany(config => new[]
    {
        (config.Data, false, ScalarType.Float32), (config.Data, true, ScalarType.Float32), (config.Data, false, ScalarType.BFloat16),
    })];

    public NetworkPartTests() => TorchRuntime.Initialize();

    public static TheoryData<string> Configs =>
    [
        """{"block_out_channels": [16, 32], "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"], "norm_num_groups": 4, "layers_per_block": 1}""",
        """{"block_out_channels": [8, 16, 24], "down_block_types": ["DownBlock2D", "ResnetDownsampleBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D", "UpBlock2D"], "norm_num_groups": 4, "resnet_time_scale_shift": "scale_shift", "time_embedding_dim": 40}""",
        """{"block_out_channels": [16, 16], "down_block_types": ["AttnDownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D"], "downsample_type": "resnet", "upsample_type": "resnet", "norm_num_groups": 8, "attention_head_dim": null, "add_attention": false, "dropout": 0.1}""",
        """{"block_out_channels": [32], "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"], "mid_block_type": null, "layers_per_block": 3, "norm_num_groups": 8, "act_fn": "relu"}""",
        """{"block_out_channels": [16, 48], "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"], "norm_num_groups": 8, "attention_head_dim": 10, "num_class_embeds": 5, "attn_norm_num_groups": 4, "downsample_padding": 0}""",
    ];

    [Theory, MemberData(nameof(Configs))]
    public void Weights_AreThoseOfTheNetwork(string json)
    {
        var config = UNetConfig.FromJson(json);
        using var network = TinyModel.Build(config);

        Assert.Equal(network.parameters().Where(parameter => parameter.requires_grad).Sum(parameter => parameter.numel()), NetworkPart.Of(config, Side * Side).Sum(part => part.Weights));
    }

    /// <summary>Against what malloc has given away after the forward pass that it had not before.</summary>
    [Theory, MemberData(nameof(Passes))]
    public void Activations_AreNoMoreThanTheForwardPassLeaves(string json, bool recomputes, ScalarType dtype)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "malloc is asked");
        using var scope = NewDisposeScope();
        var config = UNetConfig.FromJson(json);
        using var network = TinyModel.Build(config);
        network.ConvertTo(dtype);
        network.train();
        network.RecomputesBlocks = recomputes;
        using var process = new ForwardProcess(NoiseSchedule.From(new NoiseScheduleConfig()), CPU);
        using var loss = new DenoisingLoss(process);
        var (original, noise, timesteps) = (TinyModel.Noise(Batch, 3, Side, Side), TinyModel.Noise(Batch, 3, Side, Side), arange(Batch, dtype: ScalarType.Int64) * 100);
        var labels = config.NumClassEmbeds is null ? null : zeros(Batch, dtype: ScalarType.Int64);
        Forward().backward(); // what is made once is made here, and the backward pass lets go of what it has used

        var left = 0L;
        for (var pass = 0; pass < 3; pass++)
        {
            var before = Allocated();
            var computed = Forward();
            left = Math.Max(left, Allocated() - before); // less where finalizers let go of what tests before had left to them
            computed.backward();
        }

        var counted = NetworkPart.Of(config, Side * Side).Sum(part => part.Kept + (recomputes ? 0 : part.Recomputable)) * Batch * (dtype == ScalarType.Float32 ? 4 : 2);
        TestContext.Current.TestOutputHelper?.WriteLine(FormattableString.Invariant($"{dtype}, recomputes: {recomputes}, counted {counted / 1e6:0.000} MB of {left / 1e6:0.000}"));
        Assert.InRange(counted, left / 4.0, left);

        Tensor Forward()
        {
            lock (GlobalRandom.Gate) // dropout draws
                return loss.Compute(network, original, noise, timesteps, labels);
        }
    }

    private static unsafe long Allocated()
    {
        const int BytesOfLargeBlocks = 4, BytesOfOthers = 7; // hblkhd, uordblks
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var told = Told();
        return (long)(told.Numbers[BytesOfLargeBlocks] + told.Numbers[BytesOfOthers]);
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial Info Told();

    // struct mallinfo2 of glibc 2.33.
    private unsafe struct Info
    {
        public fixed ulong Numbers[10];
    }
}

/// <summary>Tests beside which no other runs: they look at what the process holds.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
