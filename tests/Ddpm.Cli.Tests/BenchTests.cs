using System.Text.Json.Nodes;

namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class BenchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Forward_ComparesANetworkWithThePlainOne_AndReportsBoth()
    {
        var report = JsonNode.Parse(Tool.Do(_folder.Path, "bench", "forward", "--model", "faces", "--batch", "2", "--precision", "bfloat16", "--runs", "2", "--json"))!;
        Assert.False(string.IsNullOrEmpty((string?)report["machine"]!["cpu"]));
        Assert.StartsWith("2.", (string?)report["versions"]!["libtorch"], StringComparison.Ordinal);
        Assert.All(report["measures"]!.AsArray(), measure => Assert.Equal((2, "ms"), ((int)measure!["value"]!["runs"]!, (string?)measure["unit"])));
        var ratio = Assert.Single(report["ratios"]!.AsArray())!;
        Assert.Equal((2, "bfloat16", "faces"), ((int)ratio["batch"]!, (string?)ratio["precision"], (string?)ratio["network"]));
        Assert.All(report["checks"]!.AsArray(), check => Assert.True((bool)check!["passed"]! && (double)check["value"]! > 0)); // bfloat16 is not float32
    }

    [Theory]
    [InlineData("int64 [batch]", "torch.eq(torch.dim(timestep), 1)")]
    [InlineData("int64 scalar", "torch.eq(torch.dim(timestep), 0)")]
    [InlineData("float32 [batch]", "torch.__and__(torch.eq(torch.dim(timestep), 1), torch.is_floating_point(timestep))")]
    [InlineData("float32 scalar", "torch.__and__(torch.eq(torch.dim(timestep), 0), torch.is_floating_point(timestep))")]
    [InlineData("int64 [1]", "torch.__and__(torch.eq(torch.dim(timestep), 1), torch.eq(torch.numel(timestep), 1))")]
    public void Forward_GivesABaselineItsTimestepAsItWantsIt(string form, string condition)
    {
        ScriptedNetwork.WriteModel(_folder.At("ones"));
        ScriptedNetwork.WriteScript(_folder.At("ones.pt"), condition);
        var report = JsonNode.Parse(Tool.Do(_folder.Path, "bench", "forward", "--model", "ones", "--baseline", "ones.pt", "--batch", "2,3", "--runs", "1", "--device", "cpu", "--json"))!;
        Assert.Equal($"TorchScript takes its timestep as {form}.", (string?)Assert.Single(report["notes"]!.AsArray()));
        Assert.Equal(["TorchScript in float32 / ours", "TorchScript in float32 / ours"], report["ratios"]!.AsArray().Select(ratio => (string?)ratio!["name"]));
    }

    [Theory]
    [InlineData("torch.eq(torch.dim(timestep), 7)", 1, "cannot be called with (sample, timestep) of this model on cpu: not this timestep")]
    [InlineData("torch.eq(torch.dim(timestep), 1)", 2, "is not this model: it differs by 1 of the largest value")]
    public void Forward_RefusesTheBaselineOfAnotherModel(string condition, int value, string reason)
    {
        ScriptedNetwork.WriteModel(_folder.At("ones"));
        ScriptedNetwork.WriteScript(_folder.At("other.pt"), condition, value);
        var (status, _, errors) = Tool.Run(_folder.Path, "bench", "forward", "--model", "ones", "--baseline", "other.pt", "--runs", "1", "--device", "cpu");
        Assert.Equal(1, status);
        Assert.StartsWith("ddpm: --baseline: 'other.pt' ", errors, StringComparison.Ordinal);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', errors.Trim());
    }

    [Fact]
    public void WhatWasMeasured_IsReportedThoughALaterBatchFails()
    {
        ScriptedNetwork.WriteModel(_folder.At("ones"));
        ScriptedNetwork.WriteScript(_folder.At("small.pt"), "torch.lt(torch.size(sample, 0), 3)");
        var (status, output, errors) = Tool.Run(
            _folder.Path, "bench", "forward", "--model", "ones", "--baseline", "small.pt", "--batch", "2,3", "--runs", "1", "--device", "cpu", "--json", "--out", "kept.json");
        Assert.Equal(1, status);
        Assert.Contains("a call with 3 pictures fails: not this timestep", errors, StringComparison.Ordinal);
        Assert.All((string[])[output, File.ReadAllText(_folder.At("kept.json"))], text => Assert.Equal(2, (int)Assert.Single(JsonNode.Parse(text)!["ratios"]!.AsArray())!["batch"]!));
    }

    [Fact]
    public void Forward_CallsANetworkThatKnowsClasses()
    {
        var model = Path.Combine(AppContext.BaseDirectory, "fixtures", "unet_class_cond");
        var report = JsonNode.Parse(Tool.Do(_folder.Path, "bench", "forward", "--model", model, "--batch", "3", "--runs", "1", "--json"))!;
        Assert.All(report["checks"]!.AsArray(), check => Assert.True((bool)check!["passed"]!));
    }

    [Fact]
    public void Network_WritesTheSameModel_ForTheSameSeedOnly()
    {
        byte[] Weights(string seed)
        {
            Tool.Do(_folder.Path, "bench", "network", "faces", "--out", $"m{seed}", "--seed", seed[..1]);
            return File.ReadAllBytes(_folder.At($"m{seed}", "unet", "diffusion_pytorch_model.safetensors"));
        }

        var first = Weights("1");
        Assert.Equal(first, Weights("1b"));
        Assert.NotEqual(first, Weights("2"));
    }

    public void Dispose() => _folder.Dispose();
}
