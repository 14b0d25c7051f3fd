using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using static TorchSharp.torch;

namespace Ddpm.Engine.Tests.Checkpoints;

/// <summary>Models that must be refused, with the field and the reason, before a network is built for them. Where sizes are given, building it would take terabytes.</summary>
public sealed class HostileModelTests : IDisposable
{
    private const string Network = "unet/config.json";
    private const string Schedule = "scheduler/scheduler_config.json";
    private const string Weights = "unet/diffusion_pytorch_model.safetensors";

    private readonly TemporaryFolder _folder = new();

    [Theory]
    [InlineData(Network, """{"down_block_types": ["SkipDownBlock2D", "DownBlock2D"], "block_out_channels": [16384, 16384]}""", "config.json: down_block_types names 'SkipDownBlock2D'")]
    [InlineData(Network, """{"up_block_types": ["DownBlock2D", "UpBlock2D"], "block_out_channels": [16384, 16384]}""", "config.json: up_block_types names 'DownBlock2D'")]
    [InlineData(Network, """{"block_out_channels": [16384, 16383]}""", "block_out_channels holds 16383, which norm_num_groups = ")]
    [InlineData(Network, """{"sample_size": 9}""", "sample_size is 9; with 2 levels a positive multiple of 2 is needed")]
    [InlineData(Network, """{"sample_size": -8}""", "sample_size is -8")]
    [InlineData(Network, """{"block_out_channels": [2147483647, 2147483647]}""", "block_out_channels holds 2147483647")]
    [InlineData(Network, """{"layers_per_block": 1000000}""", "layers_per_block is 1000000")]
    [InlineData(Network, """{"in_channels": 1000000000}""", "in_channels is 1000000000")]
    [InlineData(Schedule, """{"beta_start": 0}""", "beta_start is 0 and beta_end is 0.02; 0 < beta_start")]
    [InlineData(Schedule, """{"beta_start": -0.1}""", "beta_start is -0.1")]
    [InlineData(Schedule, """{"beta_end": 1}""", "beta_end is 1;")]
    [InlineData(Schedule, """{"beta_end": 1.5}""", "beta_end is 1.5")]
    [InlineData(Schedule, """{"num_train_timesteps": 2147483647}""", "num_train_timesteps is 2147483647")]
    [InlineData(Schedule, """{"trained_betas": [0.5, -1], "num_train_timesteps": 2}""", "trained_betas holds 2 values; 2, each between 0 and 1")]
    public void Open_NamesTheFieldAndTheReason(string file, string change, string message)
    {
        var path = Path.Combine(TinyModel.Write(_folder["model"]), file);
        var keys = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        foreach (var (key, value) in JsonNode.Parse(change)!.AsObject())
            keys[key] = value?.DeepClone();
        File.WriteAllText(path, keys.ToJsonString());

        var before = GC.GetAllocatedBytesForCurrentThread();
        var fault = Assert.Throws<CheckpointException>(() => DiffusersFolder.Open(_folder["model"]));
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 5_000_000);
    }

    [Theory, InlineData(ScalarType.Float32, 4), InlineData(ScalarType.Float16, 2)]
    public void RequireMemory_CountsFloat32_WhateverIsStored(ScalarType type, int bytesOfANumber)
    {
        var folder = DiffusersFolder.Open(TinyModel.Write(_folder["model"]));
        Change(_folder[$"model/{Weights}"], tensors =>
        {
            foreach (var name in tensors.Keys.ToList())
                tensors[name] = tensors[name].to(type);
        });
        using var network = folder.LoadNetwork(CPU);
        var sizes = network.parameters().Select(parameter => parameter.numel()).ToList();
        var needed = (4 * sizes.Sum()) + ((bytesOfANumber + 4) * sizes.Max());

        folder.RequireMemory(needed);
        Assert.Contains("MiB of memory to be loaded", Assert.Throws<CheckpointException>(() => folder.RequireMemory(needed - 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ScalarType.Float32, double.NaN), InlineData(ScalarType.Float32, double.NegativeInfinity), InlineData(ScalarType.Float64, double.NaN)]
    [InlineData(ScalarType.Float16, double.NaN), InlineData(ScalarType.BFloat16, double.PositiveInfinity)]
    public async Task LoadNetwork_NamesTheTensorThatIsNotFinite_BeforeANetworkIsBuilt(ScalarType type, double value)
    {
        var weights = Path.Combine(TinyModel.Write(_folder["model"]), Weights);
        Change(weights, tensors =>
        {
            foreach (var name in tensors.Keys.ToList())
                tensors[name] = tensors[name].to(type);
            tensors["mid_block.resnets.0.conv1.weight"].view(-1)[-1] = tensor(value, type);
        });

        var message = await WithoutBuildingAsync(() => CheckpointFolders.LoadNetwork(_folder["model"]));
        Assert.Equal("diffusion_pytorch_model.safetensors: 'mid_block.resnets.0.conv1.weight' holds values that are not finite.", message);
    }

    [Fact]
    public async Task LoadNetwork_RefusesAHeaderThatLies_BeforeANetworkIsBuilt()
    {
        var weights = Path.Combine(TinyModel.Write(_folder["model"]), Weights);
        var bytes = File.ReadAllBytes(weights);
        var at = bytes.AsSpan().IndexOf("\"data_offsets\":[0,"u8) + "\"data_offsets\":[".Length;
        bytes[at] = (byte)'8'; // the first tensor begins eight bytes too late
        File.WriteAllBytes(weights, bytes);

        Assert.Contains("needs", await WithoutBuildingAsync(() => CheckpointFolders.LoadNetwork(_folder["model"])), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TakesTheLargestFiniteNumbers()
    {
        var weights = Path.Combine(TinyModel.Write(_folder["model"]), Weights);
        Change(weights, tensors =>
        {
            tensors["conv_in.bias"].fill_(float.MaxValue);
            tensors["conv_out.bias"].fill_(-float.MaxValue);
        });
        FiniteWeights.Check(weights);
    }

    public void Dispose() => _folder.Dispose();

    // Networks are built under a lock, which is held here meanwhile: whoever wants to build one waits.
    private static async Task<string> WithoutBuildingAsync(Action load)
    {
        Task<CheckpointException> refusal;
        lock (GlobalRandom.Gate)
        {
            refusal = Task.Run(() => Assert.Throws<CheckpointException>(load), TestContext.Current.CancellationToken);
            Assert.True(SpinWait.SpinUntil(() => refusal.IsCompleted, TimeSpan.FromSeconds(30)), "A network was to be built.");
        }
        return (await refusal).Message;
    }

    private static void Change(string weights, Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        Dictionary<string, Tensor> tensors;
        using (var file = Safetensors.Open(weights))
            tensors = file.Entries.ToDictionary(entry => entry.Name, entry => file.Read(entry.Name));
        change(tensors);
        Safetensors.Write(weights, tensors);
    }
}
