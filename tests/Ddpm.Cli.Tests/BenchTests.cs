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
