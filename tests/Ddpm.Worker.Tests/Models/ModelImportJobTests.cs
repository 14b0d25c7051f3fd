using System.Security.Cryptography;
using System.Text;
using Ddpm.Engine;
using Ddpm.Engine.Checkpoints;
using Ddpm.Engine.Networks;
using Ddpm.Jobs.Life;
using Ddpm.Jobs.Models;
using Ddpm.Worker.Tests.Hub;
using Microsoft.EntityFrameworkCore;
using static TorchSharp.torch;

namespace Ddpm.Worker.Tests.Models;

public sealed class ModelImportJobTests : WorkerTests
{
    private const string Weights = "model/unet/diffusion_pytorch_model.safetensors";

    [Fact]
    public async Task Run_TakesTheModelIn_WhenItIsSound()
    {
        var folder = TinyModel.Write(Folder.At("model"));
        var model = await UploadAsync([.. Zips.Files(folder), ("model/readme.md", [1, 2, 3])]);

        await using (var db = Host.Open())
            await db.Jobs.ExecuteUpdateAsync(job => job.SetProperty(j => j.Account, "alice"), Cancellation);
        AssertSucceeded(await Host.RunAsync(model.JobId!.Value));

        var row = await ReadAsync(model);
        Assert.Equal("alice", row.Checkpoint!.Account);
        var checkpoint = row.Checkpoint!;
        Assert.Equal((DiffusersFolder.Open(folder).WeightsSha256(), 8, 3, false), (checkpoint.Sha256, checkpoint.Resolution, checkpoint.Channels, checkpoint.Resumable));
        using var loaded = DiffusionModel.Load(Host.Artifacts.PathOf(checkpoint.ArtifactKey), CPU);
        Assert.Equal(loaded.Parameters, checkpoint.Parameters);
        Assert.False(File.Exists(Path.Combine(Host.Artifacts.PathOf(checkpoint.ArtifactKey), "readme.md")));
        Assert.Null(row.UploadKey);
        Assert.Empty(Host.Artifacts.List("uploads"));
    }

    [Fact]
    public async Task Run_KeepsTheSchedulersClass_WhichDecidesHowSamplesAreDrawn()
    {
        var folder = TinyModel.Write(Folder.At("model"));
        await File.WriteAllTextAsync(Path.Combine(folder, "scheduler", "scheduler_config.json"), """{"_class_name": "UniPCMultistepScheduler", "solver_order": 3}""", Cancellation);
        var model = await UploadAsync([.. Zips.Files(folder)]);

        AssertSucceeded(await Host.RunAsync(model.JobId!.Value));

        Assert.Contains("\"UniPCMultistepScheduler\"", (await ReadAsync(model)).Checkpoint!.SchedulerConfig, StringComparison.Ordinal);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Run_TakesAModelOfTheHubIn_WithoutTheRestOfItsRepository(bool isFlat)
    {
        var folder = TinyModel.Write(Folder.At("model"));
        await using var hub = await FakeHub.StartAsync();
        foreach (var (name, content) in Zips.Files(folder))
            hub.Add("models/google/tiny", isFlat ? Path.GetFileName(name) : name["model/".Length..], content);
        hub.Add("models/google/tiny", "README.md", [1]);
        hub.Add("models/google/tiny", isFlat ? "diffusion_pytorch_model.bin" : "unet/diffusion_pytorch_model.bin", new byte[5000]);
        var worker = await AnotherHostAsync(SettingsOf(hub));
        var model = await OfHubAsync("google/tiny");

        AssertSucceeded(await worker.RunAsync(model.JobId!.Value));

        var row = await ReadAsync(model);
        Assert.Equal(DiffusersFolder.Open(folder).WeightsSha256(), row.Checkpoint!.Sha256);
        using var loaded = DiffusionModel.Load(Host.Artifacts.PathOf(row.Checkpoint.ArtifactKey), CPU);
        Assert.Equal(loaded.Parameters, row.Checkpoint.Parameters);
        Assert.DoesNotContain(hub.Requests, request => request.Url.AbsolutePath.EndsWith(".bin", StringComparison.Ordinal) || request.Url.AbsolutePath.EndsWith(".md", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_SaysWhy_WhenTheHubHasNoModelThatIsRead()
    {
        await using var hub = await FakeHub.StartAsync();
        foreach (var (name, content) in Zips.Files(TinyModel.Write(Folder.At("model"))))
            hub.Add("models/google/pickle", name["model/".Length..].Replace(".safetensors", ".bin", StringComparison.Ordinal), content);
        hub.Add("models/google/nothing", "README.md", [1]);
        var worker = await AnotherHostAsync(SettingsOf(hub));

        foreach (var (repository, message) in new[]
                 {
                     ("google/pickle", "The repository google/pickle holds its weights as a pickle (.bin)"), ("google/nothing", "The repository google/nothing holds no diffusers folder"),
                     ("google/absent", "has no model google/absent"),
                 })
        {
            var job = await worker.RunAsync((await OfHubAsync(repository)).JobId!.Value);
            Assert.Equal(JobStatus.Failed, job.Status);
            Assert.Contains(message, job.Error, StringComparison.Ordinal);
        }
        Assert.Empty(Host.Artifacts.List("models"));
    }

    [Fact]
    public async Task Run_NamesTheTensor_WhenOneIsMissing()
    {
        var folder = TinyModel.Write(Folder.At("model"));
        var path = Path.Combine(folder, "unet", "diffusion_pytorch_model.safetensors");
        using (var network = new UNet(TinyModel.Network))
            Safetensors.Write(path, network.state_dict().Where(pair => pair.Key != "conv_out.bias"));
        await AssertFailsAsync([.. Zips.Files(folder)], "'conv_out.bias'");
    }

    [Fact]
    public async Task Run_RefusesPickles()
    {
        var files = Zips.Files(TinyModel.Write(Folder.At("model"))).Where(file => file.Name != Weights);
        await AssertFailsAsync([.. files, ("model/unet/diffusion_pytorch_model.bin", [1])], "safe_serialization=True");
    }

    [Theory]
    [InlineData("unet/config.json", "{", "config.json")]
    [InlineData("unet/config.json", """{"_class_name": "UNet2DConditionModel"}""", "UNet2DConditionModel")]
    [InlineData("scheduler/scheduler_config.json", "[]", "scheduler_config.json")]
    [InlineData("unet/diffusion_pytorch_model.safetensors", "not weights", "diffusion_pytorch_model.safetensors")]
    public async Task Run_NamesTheFile_WhenItCannotBeRead(string file, string content, string named)
    {
        var files = Zips.Files(TinyModel.Write(Folder.At("model")))
            .Select(entry => entry.Name == $"model/{file}" ? (entry.Name, Encoding.UTF8.GetBytes(content)) : entry);
        await AssertFailsAsync([.. files], named);
    }

    [Fact]
    public async Task Run_FailsWithAReason_WhenTheUploadIsNoModel()
    {
        await AssertFailsAsync([("pictures/a.png", [1])], "holds no diffusers folder");
        await AssertFailsAsync("no zip"u8.ToArray(), "not a zip");
    }

    [Fact]
    public async Task Run_RefusesWeightsOverTheLimit()
    {
        var strict = await AnotherHostAsync(new Dictionary<string, string?> { ["Worker:MaxModelBytes"] = "2000" });
        var model = await UploadAsync([.. Zips.Files(TinyModel.Write(Folder.At("model")))]);

        var job = await strict.RunAsync(model.JobId!.Value);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains("more than 2000 bytes", job.Error, StringComparison.Ordinal);
    }

    [Theory, InlineData(false), InlineData(true)]
    public async Task Run_Fails_BeforeTheDiskIsFull(bool isOfHub)
    {
        await using var hub = await FakeHub.StartAsync();
        var files = Zips.Files(TinyModel.Write(Folder.At("model"))).Select(file => file.Name == Weights ? (file.Name, new byte[3 << 20]) : file).ToList();
        foreach (var (name, content) in files)
            hub.Add("models/google/tiny", name["model/".Length..], content);
        var full = await AnotherHostAsync(SettingsOf(hub).Append(new("Storage:MaxBytes", $"{2 << 20}")));
        var model = isOfHub ? await OfHubAsync("google/tiny") : await UploadAsync(Zips.Of(files.Append(("model/ballast", RandomNumberGenerator.GetBytes(512 << 10)))));

        var job = await full.RunAsync(model.JobId!.Value);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.StartsWith("Taking the model in needs about", job.Error, StringComparison.Ordinal);
        Assert.Contains("Storage:MaxBytes", job.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging")));
    }

    private Task AssertFailsAsync((string Name, byte[] Content)[] files, string message) => AssertFailsAsync(Zips.Of(files), message);

    private async Task AssertFailsAsync(byte[] upload, string message)
    {
        var model = await UploadAsync(upload);

        var job = await Host.RunAsync(model.JobId!.Value);

        Assert.Equal(JobStatus.Failed, job.Status);
        Assert.Contains(message, job.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(Folder.Path, job.Error, StringComparison.Ordinal);
        Assert.Null((await ReadAsync(model)).CheckpointId);
        Assert.Empty(Host.Artifacts.List("models"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.At("data", "artifacts", ".staging")));
    }

    private Task<NamedModel> UploadAsync((string Name, byte[] Content)[] files) => UploadAsync(Zips.Of(files));

    private static Dictionary<string, string?> SettingsOf(FakeHub hub) => new() { ["Hub:BaseUrl"] = hub.Url.AbsoluteUri, ["Hub:Enabled"] = "true", ["Hub:AllowPrivateAddresses"] = "true", ["Hub:FirstPause"] = "00:00:00.001" };

    private Task<NamedModel> OfHubAsync(string repository) => AddAsync(uploadKey: null, repository);

    private Task<NamedModel> UploadAsync(byte[] zip)
    {
        var key = $"uploads/{Guid.CreateVersion7()}";
        Host.Artifacts.Write(key, zip);
        return AddAsync(key, repository: null);
    }

    private async Task<NamedModel> AddAsync(string? uploadKey, string? repository)
    {
        var model = new NamedModel
        {
            Name = $"model-{Guid.CreateVersion7()}",
            JobId = (await Host.AddJobAsync(JobKind.ModelImport)).Id,
            UploadKey = uploadKey,
            HubRepository = repository,
            CreatedAt = DateTime.UtcNow,
            UpdatedAt = DateTime.UtcNow,
        };
        await Host.AddAsync(model);
        return model;
    }

    private async Task<NamedModel> ReadAsync(NamedModel model)
    {
        await using var db = Host.Open();
        return await db.Models.AsNoTracking().Include(row => row.Checkpoint).SingleAsync(row => row.Name == model.Name, Cancellation);
    }
}
