using System.IO.Compression;
using System.Text.Json.Nodes;
using Ddpm.Engine.Checkpoints;
using TorchSharp;

namespace Ddpm.Engine.Tests.Checkpoints;

/// <summary>Weights in several files, as diffusers saves them with a small <c>max_shard_size</c>, and in half precision.</summary>
public sealed class WeightFilesTests : IDisposable
{
    private const string First = "diffusion_pytorch_model-00001-of-00002.safetensors";
    private const string Second = "diffusion_pytorch_model-00002-of-00002.safetensors";
    private const string Index = "diffusion_pytorch_model.safetensors.index.json";
    private const string Half = "diffusion_pytorch_model.fp16.safetensors";

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Gather_MakesOneFileOfSeveral_WithTheSameTensors()
    {
        Shard();

        WeightFiles.Gather(_folder.Path);

        Assert.Equal([WeightFiles.Whole], Directory.EnumerateFiles(_folder.Path).Select(Path.GetFileName));
        using var whole = Safetensors.Open(_folder[WeightFiles.Whole]);
        Assert.Equal(["a", "b", "c"], whole.Entries.Select(entry => entry.Name).Order());
        using var scope = torch.NewDisposeScope();
        Assert.Equal([1f, 2f], whole.Read("a").data<float>().ToArray());
        Assert.Equal([3f], whole.Read("b").data<float>().ToArray());
        Assert.Equal([4L, 5L, 6L], whole.Read("c").data<long>().ToArray());
        Assert.Equal("pt", whole.Metadata["format"]);
    }

    [Fact]
    public void Gather_AsksForRoom_BeforeItWritesTheOneFile()
    {
        Shard();
        Assert.Throws<IOException>(() => WeightFiles.Gather(_folder.Path, _ => throw new IOException("no room")));
        Assert.False(File.Exists(_folder[WeightFiles.Whole]));

        var asked = 0L;
        WeightFiles.Gather(_folder.Path, bytes => asked += bytes);
        Assert.Equal(new FileInfo(_folder[WeightFiles.Whole]).Length, asked);
    }

    [Fact]
    public void Gather_TakesHalfPrecision_OnlyWhereThereIsNothingElse()
    {
        File.WriteAllBytes(_folder[Half], [1]);
        WeightFiles.Gather(_folder.Path);
        Assert.Equal([1], File.ReadAllBytes(_folder[WeightFiles.Whole]));

        File.WriteAllBytes(_folder[Half], [2]);
        WeightFiles.Gather(_folder.Path);
        Assert.Equal([1], File.ReadAllBytes(_folder[WeightFiles.Whole]));
    }

    [Theory]
    [InlineData("a", "../../etc/passwd", "is no name of a file of weights")]
    [InlineData("a", Second, "holds 'a', which")]
    [InlineData("d", First, "lacks 'd'")]
    [InlineData("d", "diffusion_pytorch_model-00003-of-00003.safetensors", "diffusion_pytorch_model-00003-of-00003.safetensors is missing")]
    public void Gather_NamesTheFileAndTheTensor_WhenTheIndexIsWrong(string tensor, string file, string message)
    {
        Shard(map => map[tensor] = file);

        Assert.Contains(message, Assert.Throws<CheckpointException>(() => WeightFiles.Gather(_folder.Path)).Message);
    }

    [Theory, InlineData(""), InlineData("[]"), InlineData("{\"weight_map\": []}"), InlineData("{\"weight_map\": {\"a\": 1}}")]
    public void Gather_SaysSo_WhenTheIndexIsNone(string index)
    {
        Shard();
        File.WriteAllText(_folder[Index], index);

        Assert.StartsWith(Index, Assert.Throws<CheckpointException>(() => WeightFiles.Gather(_folder.Path)).Message);
    }

    [Fact]
    public void Extract_TakesShardsOutOfAZip()
    {
        Shard();
        using (var zip = ZipFile.Open(_folder["model.zip"], ZipArchiveMode.Create))
        {
            foreach (var name in new[] { "model/unet/config.json", "model/scheduler/scheduler_config.json" })
                zip.CreateEntry(name);
            foreach (var name in new[] { First, Second, Index })
                zip.CreateEntryFromFile(_folder[name], $"model/unet/{name}");
        }

        DiffusersArchive.Extract(_folder["model.zip"], _folder["model"], DiffusersArchive.UsualMaxWeightBytes, CancellationToken.None);

        using var whole = Safetensors.Open(Path.Combine(_folder["model"], "unet", WeightFiles.Whole));
        Assert.Equal(3, whole.Entries.Count);
    }

    [Fact]
    public void Choose_TakesTheFilesOfAModel_AndNothingElse()
    {
        string[] today = ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"];
        Assert.Equal([.. today[..2], $"unet/{WeightFiles.Whole}", today[2]], Chosen([.. today, $"unet/{WeightFiles.Whole}", $"unet/{Half}", WeightFiles.Whole, "config.json", "README.md", "samples/1.png"]));
        Assert.Equal([.. today, $"unet/{Index}", $"unet/{First}", $"unet/{Second}"], Chosen([.. today, $"unet/{First}", $"unet/{Second}", $"unet/{Index}", $"unet/{Half}"]));
        Assert.Equal([.. today, $"unet/{Half}"], Chosen([.. today, $"unet/{Half}", "unet/diffusion_pytorch_model.bin"]));
        Assert.Equal(3, Chosen("config.json", WeightFiles.Whole, "scheduler_config.json", "README.md").Count);
        Assert.Contains("as a pickle (.bin)", Assert.Throws<CheckpointException>(() => Chosen([.. today, "unet/diffusion_pytorch_model.bin"])).Message);
        Assert.Contains("It holds no weights", Assert.Throws<CheckpointException>(() => Chosen([.. today, $"unet/{First}"])).Message);
        Assert.Contains("It holds no diffusers folder", Assert.Throws<CheckpointException>(() => Chosen("config.json")).Message);
    }

    private static IReadOnlyList<string> Chosen(params string[] names) => ModelFiles.Choose(names, "It");

    public void Dispose() => _folder.Dispose();

    private void Shard(Action<JsonObject>? change = null)
    {
        using var scope = torch.NewDisposeScope();
        Safetensors.Write(_folder[First], [new("a", torch.arange(1f, 3f)), new("b", torch.tensor(3f).reshape(1))]);
        Safetensors.Write(_folder[Second], [new("c", torch.arange(4L, 7L))]);
        var map = new JsonObject { ["a"] = First, ["b"] = First, ["c"] = Second };
        change?.Invoke(map);
        File.WriteAllText(_folder[Index], new JsonObject { ["metadata"] = new JsonObject { ["total_size"] = 36 }, ["weight_map"] = map }.ToJsonString());
    }
}
