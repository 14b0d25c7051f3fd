using System.Text.Json.Nodes;

namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class EvaluateTests : IDisposable
{
    private static readonly string[] Quick = ["--images", "4", "--steps", "2", "--terms", "10"];

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Evaluate_PrintsATable_AndWritesNumbersAndPictures()
    {
        Tool.Do(_folder.Path, "dataset", "make", "faces", "faces", "--count", "12", "--size", "32", "--format", "cache");
        var said = Tool.Do(_folder.Path, ["evaluate", "--model", "faces-32", "--dataset", "faces", "--out", "out", "--rows", "3", "--neighbours", "2", .. Quick]);

        Assert.Contains("4 pictures, 10 of 1000 timesteps each", said, StringComparison.Ordinal);
        var numbers = JsonNode.Parse(File.ReadAllText(_folder.At("out", "evaluation.json")))!;
        var bits = numbers["bitsPerDimension"]!;
        Assert.Equal(10, bits["terms"]!.AsArray().Count);
        Assert.InRange((double)bits["total"]!["value"]!, 2, 6);
        Assert.True((double)bits["total"]!["standardError"]! > 0);
        Assert.Equal([32, 16], numbers["slicedWasserstein"]!["levels"]!.AsArray().Select(level => (int)level!["side"]!));
        Assert.NotNull(numbers["slicedWassersteinOfDataset"]);
        Assert.Equal(3, numbers["memorisation"]!["closest"]!.AsArray().Count);
        Assert.Null(numbers["features"]);
        Assert.Equal((64, 64), Pictures.SizeOf(_folder.At("out", "samples.png")));
        Assert.Equal(((3 * 32) + 4, 3 * 32), Pictures.SizeOf(_folder.At("out", "nearest.png")));
    }

    [Fact]
    public void Evaluate_TakesAFolderOfPicturesAtTheModelsSize_AndAFeatureNetwork()
    {
        Tool.Do(_folder.Path, "dataset", "make", "faces", "faces", "--count", "6", "--size", "40");
        TorchScriptFile.Write(_folder.At("means.pt"), "return torch.mean(x, [2, 3])");
        var said = JsonNode.Parse(Tool.Do(_folder.Path,
            ["evaluate", "--model", "faces-32", "--dataset", "faces", "--metrics", "fid,kid", "--features", "means.pt", "--feature-size", "0", "--cache", "cache", "--json", .. Quick]))!;
        Assert.True((double)said["features"]!["fid"]! > 0);
        Assert.Equal((4, 6, 3), ((int)said["features"]!["images"]!, (int)said["features"]!["referenceImages"]!, (int)said["features"]!["dimensions"]!));
        Assert.Null(said["bitsPerDimension"]);
        Assert.Single(Directory.GetFiles(_folder.At("cache")));
    }

    public void Dispose() => _folder.Dispose();
}
