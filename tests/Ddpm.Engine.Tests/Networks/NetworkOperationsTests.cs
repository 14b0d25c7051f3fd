using Ddpm.Engine.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Networks;

public sealed class NetworkOperationsTests
{
    public static TheoryData<string> Configs =>
    [
        """{"block_out_channels": [8, 16], "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"], "norm_num_groups": 4, "layers_per_block": 1}""",
        """{"block_out_channels": [8, 16, 24], "down_block_types": ["DownBlock2D", "ResnetDownsampleBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "ResnetUpsampleBlock2D", "UpBlock2D"], "norm_num_groups": 4, "resnet_time_scale_shift": "scale_shift", "time_embedding_dim": 40}""",
        """{"block_out_channels": [16, 16], "down_block_types": ["AttnDownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D"], "downsample_type": "resnet", "upsample_type": "resnet", "norm_num_groups": 8, "attention_head_dim": null, "time_embedding_type": "fourier", "add_attention": false, "out_channels": 6}""",
    ];

    /// <summary>Against what the modules of a network are seen to do: those that hold weights by the shapes that go in and come out, attention by its formula.</summary>
    [Theory, MemberData(nameof(Configs))]
    public void PerPicture_IsWhatTheModulesDo(string json)
    {
        const int Side = 16;
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var config = UNetConfig.FromJson(json);
        using var network = TinyModel.Build(config);
        network.eval();
        var seen = 0.0;
        foreach (var module in network.modules())
        {
            if (module is Conv2d convolution)
                convolution.register_forward_hook((_, _, output) => Count(output, 2.0 * convolution.weight!.numel() / convolution.weight.shape[0] * output.numel()));
            else if (module is Linear linear)
                linear.register_forward_hook((_, _, output) => Count(output, 2.0 * linear.weight!.shape[1] * output.numel()));
            else if (module is AttentionBlock attention)
                attention.register_forward_hook((_, _, output) => Count(output, 4.0 * output.shape[1] * Math.Pow(output.shape[2] * output.shape[3], 2)));
        }

        network.call(TinyModel.Noise(1, config.InChannels, Side, Side), ones(1), null);

        Assert.Equal(seen, NetworkOperations.PerPicture(config, Side), seen * 1e-9);

        Tensor Count(Tensor output, double operations)
        {
            seen += operations;
            return output;
        }
    }
}
