using System.IO.Compression;
using System.Text.Json.Nodes;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Worker.Tests.Hub;
using TorchSharp;

namespace Ddpm.Cli.Tests;

[Trait("Category", "services")]
public sealed class ModelTests : IDisposable
{
    private const string Weights = "unet/diffusion_pytorch_model.safetensors";

    private static readonly string Legacy = Fixture("unet_legacy_names");

    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Info_SaysWhatAModelIs()
    {
        var said = Tool.Do(_folder.Path, "model", "info", "faces-32");
        Assert.All(
            ["DDPMPipeline, UNet2DModel", "1,806,275 (F32)", "32×32, 3 channels", "T = 1000, β linear from 0.0001 to 0.02", "epsilon", "AttnDownBlock2D"],
            fact => Assert.Contains(fact, said, StringComparison.Ordinal));
        var json = JsonNode.Parse(Tool.Do(_folder.Path, "model", "info", "faces-32", "--json"))!;
        Assert.Equal((1_806_275, 32, 1000), ((long)json["parameters"]!, (int)json["network"]!["sample_size"]!, (int)json["scheduler"]!["num_train_timesteps"]!));
        Assert.Contains((string)json["sha256"]!, said, StringComparison.Ordinal);
    }

    [Fact]
    public void ExportThenImport_KeepsTheWeightsAndThePictures()
    {
        Tool.Do(_folder.Path, "model", "export", "faces-32", "--out", "faces.zip");
        Tool.Do(_folder.Path, "model", "import", "faces.zip", "--out", "faces");
        Assert.Equal(Sha256Of("faces-32"), Sha256Of("faces.zip"));
        Assert.Equal(Sha256Of("faces-32"), Sha256Of("faces"));
        Assert.Equal(Draw("faces-32"), Draw("faces"));
    }

    [Fact]
    public void Import_BringsAFolderOfTheFirstReleasesToTodaysForm_AndKeepsItsPictures()
    {
        Tool.Do(_folder.Path, "model", "import", Legacy, "--out", "today");
        using (var weights = Safetensors.Open(_folder.At("today", Weights)))
            Assert.DoesNotContain(weights.Entries, entry => entry.Name.Contains(".query.", StringComparison.Ordinal));
        Assert.True(File.Exists(_folder.At("today", "model_index.json")));
        Assert.All(["ddim", "ddpm", "dpmsolver++"], sampler => Assert.Equal(Draw(Legacy, sampler), Draw("today", sampler)));
    }

    [Fact]
    public void Import_TakesTheScheduleOfADpmSolver_WhichPythonWritesWithInfinity()
    {
        Tool.Do(_folder.Path, "model", "export", Legacy, "--out", "source");
        var schedule = _folder.At("source", "scheduler", "scheduler_config.json");
        File.WriteAllText(schedule, File.ReadAllText(schedule).Replace("\"beta_end\"", "\"lambda_min_clipped\": -Infinity, \"beta_end\"", StringComparison.Ordinal));
        Tool.Do(_folder.Path, "model", "import", "source", "--out", "out");
        Assert.Contains("-Infinity", File.ReadAllText(_folder.At("out", "scheduler", "scheduler_config.json")), StringComparison.Ordinal);
        Assert.Contains("lambda_min_clipped\": null", Tool.Do(_folder.Path, "model", "info", "out", "--json"), StringComparison.Ordinal);
    }

    [Fact]
    public void Export_BringsAFolderOfTheFirstReleasesToTodaysForm()
    {
        var said = Tool.Do(_folder.Path, "model", "export", Legacy, "--out", "today.zip");
        using var zip = ZipFile.OpenRead(_folder.At("today.zip"));
        Assert.Contains(Weights, zip.Entries.Select(entry => entry.FullName));
        Assert.Contains(Sha256Of("today.zip"), said, StringComparison.Ordinal);
        Assert.Contains(_folder.At("today.zip"), Tool.Do(_folder.Path, "model", "info", "today.zip"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Import_TakesAModelOfTheHub()
    {
        await using var hub = await FakeHub.StartAsync();
        hub.AddFolder("models/google/legacy", Legacy);
        hub.Add("models/google/pickle", "config.json", [1]);
        hub.Add("models/google/pickle", "scheduler_config.json", [1]);
        hub.Add("models/google/pickle", "diffusion_pytorch_model.bin", [1]);

        Tool.Do(_folder.Path, "model", "import", "hub:google/legacy", "--out", "imported", "--hub-url", hub.Url.AbsoluteUri);

        Assert.Equal(Draw(Legacy), Draw("imported"));
        Assert.Contains("hub:google/legacy", Tool.Do(_folder.Path, "model", "info", "hub:google/legacy", "--hub-url", hub.Url.AbsoluteUri), StringComparison.Ordinal);
        Assert.Contains("as a pickle (.bin)", Refused("model", "import", "hub:google/pickle", "--out", "out", "--hub-url", hub.Url.AbsoluteUri), StringComparison.Ordinal);
    }

    [Fact]
    public void Import_TakesWeightsInSeveralFiles()
    {
        TorchRuntime.Initialize();
        DiffusersFolder.Open(Legacy).WriteNormalised(_folder.At("source"));
        Shard(_folder.At("source", "unet"));
        Tool.Do(_folder.Path, "model", "import", "source", "--out", "out");
        Assert.Equal(Draw(Legacy), Draw("out"));
        Assert.Contains("importing the model makes one of", Refused("sample", "source"), StringComparison.Ordinal);
    }

    [Fact]
    public void Export_ReplacesAModel_OnlyWhenForced()
    {
        Tool.Do(_folder.Path, "model", "export", "faces-32", "--out", "out");
        Assert.Contains("--force", Refused("model", "export", Legacy, "--out", "out"), StringComparison.Ordinal);
        Assert.Equal(Sha256Of("faces-32"), Sha256Of("out"));
        Tool.Do(_folder.Path, "model", "export", Legacy, "--out", "out", "--force");
        Assert.NotEqual(Sha256Of("faces-32"), Sha256Of("out"));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Export_NeverReplacesAFolderThatHoldsMoreThanAModel()
    {
        Tool.Do(_folder.Path, "model", "export", "faces-32", "--out", "out");
        File.WriteAllText(_folder.At("out", "thesis.txt"), "years of work");
        Assert.Contains("thesis.txt", Refused("model", "export", "faces-32", "--out", "out", "--force"), StringComparison.Ordinal);
        Assert.True(File.Exists(_folder.At("out", "thesis.txt")));
        Assert.Contains("the folder you are in", Refused("model", "export", "faces-32", "--out", "."), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", "'conv_in.bias'")]
    [InlineData("extra", "'stowaway'")]
    [InlineData("misshapen", "'conv_in.bias' has shape [1]")]
    [InlineData("index", "model_index.json cannot be read")]
    [InlineData("torn", "diffusion_pytorch_model.safetensors")]
    [InlineData("pickle", "diffusion_pytorch_model.bin is a pickle")]
    [InlineData("pickle, zipped", "pickle (.bin)")]
    [InlineData("pickle of PyTorch", "safe_serialization=True")]
    [InlineData("odd channels", "its out_channels 6")]
    [InlineData("no zip", "no zip")]
    public void Import_NamesWhatIsWrong_AndWritesNothing(string fault, string named)
    {
        var error = Refused("model", "import", Broken(fault), "--out", "out");
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.At("out")));
    }

    [Fact]
    public async Task Import_MakesAModelOfARunningServer()
    {
        using var server = Tool.Start(_folder.Path, "serve", "--urls", "http://127.0.0.1:0", "--data", "data");
        await Eventually.BecomesTrueAsync("the server is ready", () => server.Output.Contains("Ready: ", StringComparison.Ordinal));
        var url = server.Output.Split("Ready: ")[1].Split('\n')[0];
        var said = Tool.Do(_folder.Path, "model", "import", Legacy, "--server", url, "--name", "legacy");
        Assert.StartsWith($"{url}/models/legacy: ", said, StringComparison.Ordinal);

        using var client = new HttpClient();
        var model = JsonNode.Parse(await client.GetStringAsync($"{url}/models/legacy", TestContext.Current.CancellationToken))!;
        Assert.Equal("succeeded", (string?)model["status"]);
        Assert.Contains((string)model["checkpoint"]!["sha256"]!, said, StringComparison.Ordinal);
        Assert.Contains("There is a model legacy already", Refused("model", "import", Legacy, "--server", url, "--name", "legacy"), StringComparison.Ordinal);
        Assert.Contains("name must be", Refused("model", "import", Legacy, "--server", url, "--name", "Not This"), StringComparison.Ordinal);
        server.Interrupt();
        Assert.Equal(0, server.WaitForEnd().Status);
    }

    public void Dispose() => _folder.Dispose();

    private static string Fixture(string name) => Path.Combine(AppContext.BaseDirectory, "fixtures", name);

    private string Refused(params string[] arguments)
    {
        var (status, _, errors) = Tool.Run(_folder.Path, arguments);
        Assert.Equal(1, status);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        return Assert.Single(errors.Trim().Split('\n'));
    }

    private string Sha256Of(string model) => (string)JsonNode.Parse(Tool.Do(_folder.Path, "model", "info", model, "--json"))!["sha256"]!;

    private byte[] Draw(string model, string sampler = "ddim")
    {
        Tool.Do(_folder.Path, "sample", model, "--count", "1", "--steps", "4", "--sampler", sampler, "--out", "drawn.png");
        return File.ReadAllBytes(_folder.At("drawn.png"));
    }

    private string Broken(string fault)
    {
        var model = _folder.At("source");
        if (fault == "odd channels")
            return Fixture("unet_class_cond");
        if (fault == "no zip")
        {
            File.WriteAllText(model, "weights");
            return model;
        }

        if (fault == "pickle of PyTorch")
            return Zip(model, "archive/data.pkl");
        if (fault == "pickle, zipped")
            return Zip(model, "unet/config.json", "unet/diffusion_pytorch_model.bin", "scheduler/scheduler_config.json");

        TorchRuntime.Initialize();
        DiffusersFolder.Open(Legacy).WriteNormalised(model);
        var weights = Path.Combine(model, Weights);
        if (fault == "torn")
            File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^1]);
        else if (fault == "index")
            File.WriteAllText(Path.Combine(model, "model_index.json"), "DDPMPipeline");
        else if (fault == "pickle")
            File.Move(weights, Path.ChangeExtension(weights, ".bin"));
        else
            Change(weights, fault);
        return model;
    }

    private static void Change(string weights, string fault)
    {
        using var scope = torch.NewDisposeScope();
        Dictionary<string, torch.Tensor> tensors;
        using (var file = Safetensors.Open(weights))
            tensors = file.Entries.ToDictionary(entry => entry.Name, entry => file.Read(entry.Name));
        if (fault == "missing")
            tensors.Remove("conv_in.bias");
        else
            tensors[fault == "extra" ? "stowaway" : "conv_in.bias"] = torch.zeros(1);
        Safetensors.Write(weights, tensors);
    }

    private static void Shard(string unet)
    {
        using var scope = torch.NewDisposeScope();
        var whole = Path.Combine(unet, "diffusion_pytorch_model.safetensors");
        var map = new JsonObject();
        using (var file = Safetensors.Open(whole))
        {
            foreach (var (part, n) in file.Entries.Chunk(10).Select((part, n) => (part, n + 1)))
            {
                var shard = $"diffusion_pytorch_model-{n:00000}-of-00099.safetensors";
                Safetensors.Write(Path.Combine(unet, shard), part.Select(entry => KeyValuePair.Create(entry.Name, file.Read(entry.Name))));
                foreach (var entry in part)
                    map[entry.Name] = shard;
            }
        }

        File.Delete(whole);
        File.WriteAllText(whole + ".index.json", new JsonObject { ["weight_map"] = map }.ToJsonString());
    }

    private static string Zip(string path, params string[] names)
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var name in names)
            zip.CreateEntry(name);
        return path;
    }
}
