using Ddpm.Engine.Networks;

namespace Ddpm.Engine.Tests.Networks;

public sealed class UNetConfigTests
{
    private static readonly UNetConfig Article = new()
    {
        SampleSize = 64,
        BlockOutChannels = [128, 128, 256, 256, 512, 512],
        DownBlockTypes = ["DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
        UpBlockTypes = ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"],
    };

    [Fact]
    public void ArticlesNetwork_HasTheArticlesParameters()
    {
        TorchRuntime.Initialize();
        using var network = TinyModel.Build(Article);
        Assert.Equal(113_673_219, network.parameters().Sum(parameter => parameter.NumberOfElements));
    }

    [Fact]
    public void ToJson_IsTheFileThatDiffusersWrites()
    {
        var file = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "fixtures", "unet_basic", "unet", "config.json")));
        var ours = System.Text.Json.Nodes.JsonNode.Parse(UNetConfig.FromJson(file!.ToJsonString()).ToJson());
        Assert.True(System.Text.Json.Nodes.JsonNode.DeepEquals(file, ours), ours!.ToJsonString());
    }

    [Theory]
    [InlineData("""{"down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"]}""", "CrossAttnDownBlock2D")]
    [InlineData("""{"norm_num_groups": 5}""", "norm_num_groups")]
    [InlineData("""{"sample_size": 7}""", "sample_size")]
    [InlineData("""{"sample_size": [8, 16]}""", "sample_size")]
    [InlineData("""{"block_out_channels": []}""", "block_out_channels")]
    [InlineData("""{"block_out_channels": [8, 16, 32]}""", "down_block_types")]
    [InlineData("""{"attention_head_dim": 64}""", "attention_head_dim")]
    [InlineData("""{"layers_per_block": "two"}""", "layers_per_block")]
    [InlineData("""{"act_fn": "tanh"}""", "act_fn")]
    [InlineData("""{"class_embed_type": "timestep"}""", "class_embed_type")]
    [InlineData("""{"time_embedding_type": "learned"}""", "time_embedding_type")]
    [InlineData("""{"cross_attention_dim": 768}""", "cross_attention_dim")]
    [InlineData("""{"_class_name": "UNet2DConditionModel"}""", "UNet2DConditionModel")]
    [InlineData("""{"dropout": 1}""", "dropout")]
    public void FromJson_NamesTheField_WhenItIsNotSupported(string change, string named)
    {
        var keys = System.Text.Json.Nodes.JsonNode.Parse(TinyModel.Network.ToJson())!.AsObject();
        foreach (var (key, value) in System.Text.Json.Nodes.JsonNode.Parse(change)!.AsObject())
            keys[key] = value?.DeepClone();
        var fault = Assert.Throws<UNetConfigException>(() => UNetConfig.FromJson(keys.ToJsonString()));
        Assert.Contains(named, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"dropout": 0, "dropout": 0.5}""")]
    public void FromJson_Refuses_WhatIsNoObject(string json) => Assert.Throws<UNetConfigException>(() => UNetConfig.FromJson(json));
}
