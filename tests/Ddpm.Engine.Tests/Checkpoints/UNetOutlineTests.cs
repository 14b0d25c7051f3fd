using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Checkpoints;

public sealed class UNetOutlineTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    // The first of these would take a terabyte if it were built.
    [Theory]
    [InlineData("\"block_out_channels\": [\n    8,\n    16\n  ]", "\"block_out_channels\": [16384, 16384]", "conv_in.weight")]
    [InlineData("\"layers_per_block\": 1", "\"layers_per_block\": 16", "resnets.1.")]
    [InlineData("\"time_embedding_dim\": null", "\"time_embedding_dim\": 65536", "time_embedding")]
    public void Load_RefusesAConfigurationThatItsWeightsDoNotBear_BeforeItIsBuilt(string was, string becomes, string named)
    {
        var file = Path.Combine(TinyModel.Write(_folder["model"]), "unet", "config.json");
        var text = File.ReadAllText(file);
        Assert.Contains(was, text, StringComparison.Ordinal);
        File.WriteAllText(file, text.Replace(was, becomes, StringComparison.Ordinal));
        var fault = Assert.Throws<CheckpointException>(() => DiffusionModel.Load(_folder["model"], CPU));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
